"""Locks that end with their process, however that ends."""

import errno
from pathlib import Path

from filelock import FileLock


def lock_at(path: Path) -> FileLock:
    """The lock of the operating system on a file. Where there is none, acquiring it raises what `without_locks` knows.

    filelock would take a file's existence for the lock there, which a killed process leaves behind for good.
    """
    return FileLock(path, fallback_to_soft=False)


def without_locks(error: OSError) -> bool:
    """Whether the file system knows no locks."""
    return error.errno == errno.ENOSYS
