"""Locks of the operating system, and file systems that have none."""

import errno
import fcntl
from pathlib import Path
from typing import NoReturn

import pytest

from seqmodels.runs.folder import locked
from seqmodels.system.locks import lock_at, without_locks


def refuse(*arguments: object) -> NoReturn:
    """As the kernel does where the file system has no locks."""
    raise OSError(errno.ENOSYS, "Function not implemented")


def test_no_file_takes_the_place_of_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match="not implemented") as refused:
        lock_at(tmp_path / "lock").acquire(timeout=0)
    assert without_locks(refused.value)
    assert not without_locks(PermissionError(errno.EACCES, "Permission denied"))


def test_a_run_goes_on_without_a_lock_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fcntl, "flock", refuse)
    (tmp_path / ".hydra").mkdir()
    for _ in range(2):  # the first leaves nothing that would keep the second out
        with locked(tmp_path):
            pass
    assert caplog.text.count("knows no locks: see to it that no two processes train there") == 2
