"""Files that a reader finds whole or not at all, whenever the writer is killed."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from seqmodels.exceptions import NoRoom, is_full


def short(path: Path) -> Path:
    """As a user would write it here: relative, if it lies below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A place beside the path to write to, which takes the path's place at the end; after an error nothing is left."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")  # machines that share it may share a pid
    try:
        with named(path, unfinished):
            yield unfinished
            unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)  # of a full disk, for instance


@contextmanager
def named(path: Path, *written: Path) -> Iterator[None]:
    """An error for want of room says which file it is, and how large it would have become at least.

    Args:
        path: of the file.
        written: where else its content is being written.

    Raises:
        NoRoom: the disk, or the user's share of it, is full.
    """
    try:
        yield
    except OSError as error:
        if not is_full(error) or isinstance(error, NoRoom):
            raise
        sizes = [one.stat().st_size for one in (path, *written) if one.exists()]
        raise NoRoom(error, path, max(sizes, default=0)) from error


def flush(file: IO[bytes]) -> None:
    """Wait until the disk has what was written, so that it also survives a loss of power."""
    file.flush()
    os.fsync(file.fileno())


def replace(path: Path, text: str) -> None:
    """Write the file in one step."""
    with whole(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
