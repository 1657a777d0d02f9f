"""Files that a reader finds whole or not at all, whenever the writer is killed."""

import os
from pathlib import Path


def short(path: Path) -> Path:
    """As a user would write it here: relative, if it lies below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def replace(path: Path, text: str) -> None:
    """Write the file in one step."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)  # of a full disk, for instance
