"""Files that a reader finds whole or not at all, whenever the writer is killed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def short(path: Path) -> Path:
    """As a user would write it here: relative, if it lies below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Where to write a file that takes its place once the block has ended well, and leaves nothing behind if not.

    It lies in the same folder: across file systems no file takes another one's place in one step.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)  # of a full disk, for instance


def replace(path: Path, text: str) -> None:
    """Write a text file in one step."""
    with whole(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
