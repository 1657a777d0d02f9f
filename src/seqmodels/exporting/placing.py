"""All of the files or none, and none over another."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from filelock import Timeout

from seqmodels.cores.base import State
from seqmodels.runs.exported import INITIAL_STATE
from seqmodels.system.files import named
from seqmodels.system.locks import lock_at

PREFIX, LOCK = ".export-", ".lock"


def check_free(folder: Path, names: Sequence[str], state: State, overwrite: bool) -> None:
    """
    Raises:
        NotADirectoryError: the folder is a file.
        FileExistsError: one of the names is taken; by the same initial state does no harm.
    """
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"output={folder} is a file; give a folder")
    taken = [name for file in names for name in (file, f"{file}.data") if (folder / name).exists()]
    if (folder / INITIAL_STATE).exists() and not _holds(folder / INITIAL_STATE, state):
        taken.append(INITIAL_STATE)
    if taken and not overwrite:
        raise FileExistsError(
            f"{folder} holds {', '.join(taken)} already; choose another output=, or say overwrite=true to replace"
        )


def _holds(path: Path, state: State) -> bool:
    try:
        with np.load(path) as there:
            ours = arrays(state)
            return set(there) == set(ours) and all(np.array_equal(there[name], ours[name]) for name in ours)
    except Exception:  # it is another file altogether
        return False


def arrays(state: State) -> dict[str, np.ndarray]:
    """state_0, state_1, ... as numpy knows them."""
    return {f"state_{number}": tensor.detach().numpy() for number, tensor in enumerate(state)}


@contextmanager
def workshop(folder: Path) -> Iterator[Path]:
    """A hidden folder inside, whose files come out at the end if nothing went wrong; otherwise no trace is left.

    Raises:
        OSError: there can be no such folder.
    """
    new = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(f"output={folder} cannot be made: {error.strerror}; choose another folder") from error
        _remove_left(folder)
        with tempfile.TemporaryDirectory(prefix=PREFIX, dir=folder) as name, lock_at(Path(name, LOCK)):
            with named(folder):
                yield Path(name)
            for path in sorted(Path(name).glob("[!.]*")):
                path.replace(folder / path.name)
    except BaseException:
        for place in new:
            if place.is_dir() and not any(place.iterdir()):
                place.rmdir()
        raise


def _remove_left(folder: Path) -> None:
    """What exports were writing here when they were killed: their locks ended with them."""
    for place in folder.glob(f"{PREFIX}*/{LOCK}"):
        lock = lock_at(place)
        with suppress(Timeout, OSError), lock.acquire(timeout=0):
            shutil.rmtree(place.parent)
