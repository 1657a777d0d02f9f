"""Files of a folder from a stranger: what is read has an end, and what is written stays inside.

A named pipe in place of a file would hang its reader, and a device or a huge file would fill the memory. A link in a
run's folder would let a log, a figure or a checkpoint be written over any file of the user.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

MOST = 64 * 2**20
"""Bytes that a file of text may have; the largest of ours is the metrics.csv of a very long run."""

OF_WANDB = ("run-", "offline-run-")
"""Folders below RUN/wandb that W&B makes, with links to its own logs; it never writes into an old one."""


def open_regular(path: Path) -> IO[bytes]:
    """Open a file for reading, at once, whatever lies there.

    Raises:
        OSError: there is none, it cannot be read, or it is a pipe, a device or a folder.
    """
    file = os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb")  # else a pipe waits for a writer
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(f"{path} is no regular file")
    return file


def read_bytes(path: Path, most: int = MOST) -> bytes:
    """All that a file holds.

    Raises:
        OSError: as `open_regular`, or it has more than `most` bytes.
    """
    with open_regular(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(f"{path} has more than {most:,} bytes")
    return content


def read_text(path: Path, most: int = MOST) -> str:
    """The same as UTF-8.

    Raises:
        OSError: as `read_bytes`.
        ValueError: it is no UTF-8.
    """
    return read_bytes(path, most).decode()


def refuse_links(folder: Path) -> None:
    """Look at all that a folder holds, before anything is written there.

    The folder itself may be reached through links, since that is the user's own way to it; a link inside may lead to
    another place inside.

    Raises:
        OSError: something in it is a link that leads out of it, a pipe or a device; the message names it.
    """
    top = Path(os.path.realpath(folder))
    for path in _entries(top):
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:  # of another process that works here
            continue
        if stat.S_ISLNK(mode) and not Path(os.path.realpath(path)).is_relative_to(top):
            kind = f"a link to {os.path.realpath(path)}"
        elif stat.S_ISLNK(mode) or stat.S_ISDIR(mode) or stat.S_ISREG(mode):
            continue
        else:
            kind = "no regular file"
        raise OSError(
            f"{path} is {kind}, and what is written through it would leave {folder}; nothing was written. Put a file "
            f"or a folder in its place, or remove it"
        )


def _entries(top: Path) -> Iterator[Path]:
    def failed(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    if not top.is_dir():
        return
    for place, folders, files in os.walk(top, onerror=failed):
        if Path(place).name == "wandb":
            folders[:] = [name for name in folders if not name.startswith(OF_WANDB)]
        yield from (Path(place, name) for name in (*folders, *files))
