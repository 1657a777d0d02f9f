"""Where a study is kept: a journal or an SQLite file in its folder, or any place that Optuna has a URL for.

The journal is the default. It is text, one line an event, and only ever grows, so a killed process leaves it whole up
to its last line; it needs no server, and no locks inside the file, which SQLite does not get from every network disk.
Optuna's own lock for it is a link that a killed process leaves behind for 30 seconds; ours is one of the operating
system's, which ends with the process.
"""

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from seqmodels.exceptions import first_line, reason
from seqmodels.system.files import named
from seqmodels.system.locks import lock_at

JOURNAL = "journal.log"

SQLITE = "study.db"


class JournalLock(JournalFileOpenLock):
    """One process at a time writes; what another one was killed at writing is taken off first."""

    def __init__(self, journal: Path) -> None:
        self.journal = journal
        self.lock = lock_at(journal.with_name(f".{journal.name}.lock"))

    def acquire(self) -> bool:
        self.lock.acquire(poll_interval=0.005)
        take_off_half_a_line(self.journal)
        return True

    def release(self) -> None:
        self.lock.release()


class Journal(JournalFileBackend):
    """Optuna's, which knows what it reads and writes when something goes wrong.

    Attributes:
        line: the last one that was handed out, counted from 1.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), lock_obj=JournalLock(path))
        self.path, self.line = path, 0

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        self.line = log_number_from
        try:
            for entry in super().read_logs(log_number_from):
                self.line += 1
                yield entry
        except ValueError as error:
            raise self.damaged(self.line + 1, error) from error

    def damaged(self, line: int, error: Exception) -> ValueError:
        """What is to be said of a line."""
        return ValueError(
            f"{self.path} cannot be read, its line {line} is damaged ({reason(error)}). The folders of the trials are "
            f"whole; a file of the lines before it (head -n {line - 1}) is the study as it was then, and study=ANOTHER "
            f"begins another one"
        )

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        with named(self.path):
            super().append_logs(logs)


def take_off_half_a_line(journal: Path) -> None:
    """A line without its end was never acknowledged to anyone, and nobody could read what is written behind it."""
    with journal.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        if end == 0:
            return
        file.seek(end - 1)
        if file.read(1) == b"\n":
            return
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)


def is_file(storage: str) -> bool:
    """Whether the study is kept in its own folder."""
    return storage in ("journal", "sqlite")


def file_of(storage: str, folder: Path) -> Path:
    """Of a study that is kept in its own folder."""
    return folder / {"journal": JOURNAL, "sqlite": SQLITE}[storage]


def open_storage(storage: str, folder: Path) -> BaseStorage:
    """
    Args:
        storage: journal, sqlite, or a URL.
        folder: of the study.

    Raises:
        ValueError: this is no storage, or its driver is not installed.
        OSError: it cannot be reached.
    """
    if storage == "journal":
        backend = Journal(file_of(storage, folder))
        try:
            return JournalStorage(backend)
        except (
            LookupError,
            TypeError,
            AttributeError,
            AssertionError,
        ) as error:  # JSON, but no event
            raise backend.damaged(backend.line, error) from error
    url = f"sqlite:///{file_of(storage, folder)}" if storage == "sqlite" else storage
    try:
        if url.startswith("sqlite:"):  # others may write at the same moment: wait for them
            return RDBStorage(url, engine_kwargs={"connect_args": {"timeout": 60}})
        return optuna.storages.get_storage(url)
    except (ArgumentError, NoSuchModuleError) as error:
        raise ValueError(
            f"storage={_without_password(storage)} is not a storage; choose journal, sqlite, or a URL such as "
            f"sqlite:///PATH or postgresql://USER@HOST/DATABASE"
        ) from error
    except ImportError as error:
        raise ValueError(
            f"storage={_without_password(storage)} needs a package that is not installed: {error}"
        ) from error
    except SQLAlchemyError as error:
        raise OSError(f"storage={_without_password(storage)} cannot be reached: {first_line(error)}") from error


def _without_password(url: str) -> str:
    scheme, mark, rest = url.partition("://")
    user, at, place = rest.rpartition("@")
    return f"{scheme}{mark}{user.partition(':')[0]}{at}{place}"
