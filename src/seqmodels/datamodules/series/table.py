"""Tables of series, converted once and then mapped into memory: one folder for each set of files and spec.

The folder's name is a hash of what its contents depend on, so a changed file gets a folder of its own. It appears whole
or not at all, and whoever deletes it loses nothing but the time to convert again.
"""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import platformdirs
from filelock import FileLock

from seqmodels.datamodules.series.convert import INDEX, INPUTS, TARGETS, TIMES, write_table
from seqmodels.datamodules.series.spec import TableSpec
from seqmodels.system.files import replace

VERSION = 2
"""Of what is in a folder."""


class Series(NamedTuple):
    """Where one series lies in the table.

    Attributes:
        name: the group, else the file.
        begin: its first row.
        rows: n.
        cuts: the rows, counted from its own first, at which it begins anew behind a gap.
    """

    name: str
    begin: int
    rows: int
    cuts: list[int]

    def pieces(self) -> list[tuple[int, int]]:
        """Rows without a gap between them, as (start, stop) within the series."""
        return list(zip([0, *self.cuts], [*self.cuts, self.rows], strict=True))


class SeriesTable:
    """A converted table.

    It travels to other processes as the name of its folder.

    Attributes:
        files: that it was made of.
        series: in the order of their first rows.
        rows: N.
        missing: how many cells of each column are.
        has_dates: whether times are dates, and no numbers.
    """

    def __init__(self, folder: Path, files: Sequence[Path], spec: TableSpec) -> None:
        self.folder, self.files, self.spec = folder, list(files), spec
        with self._whole():
            index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
            self.series = [Series(**one) for one in index["series"]]
            self.rows: int = index["rows"]
            self.missing: dict[str, int] = index["missing"]
            self.has_dates: bool = index["dates"]

    def __reduce__(self) -> Any:
        return SeriesTable, (self.folder, self.files, self.spec)

    @cached_property
    def inputs(self) -> np.ndarray:
        """(N, D) float32, NaN where a cell is missing."""
        return self._mapped(INPUTS, "<f4", (self.rows, len(self.spec.inputs)))

    @cached_property
    def targets(self) -> np.ndarray:
        """(N, Y) float32, NaN where a cell is missing."""
        return self._mapped(TARGETS, "<f4", (self.rows, len(self.spec.targets)))

    @cached_property
    def times(self) -> np.ndarray | None:
        """(N,) float64, or dates in UTC; None without a column of them."""
        if self.spec.time is None:
            return None
        return self._mapped(TIMES, "<M8[ns]" if self.has_dates else "<f8", (self.rows,))

    def series_of(self, rows: np.ndarray) -> np.ndarray:
        """The number of the series that each row lies in, counted from 0."""
        return np.searchsorted(self._begins, rows, side="right") - 1

    @cached_property
    def _begins(self) -> np.ndarray:
        return np.array([series.begin for series in self.series])

    def remembered(self, about: list[Any], find: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What `find` returns, found once: plain values that follow from the table and from `about`."""
        path = self.folder / f"{_hash(about)}.json"
        with suppress(OSError, ValueError):  # there is none yet, or a loss of power has damaged it
            return json.loads(path.read_text(encoding="utf-8"))
        found = find()
        with suppress(OSError):  # of a folder that may only be read
            replace(path, json.dumps(found))
        return found

    def _mapped(self, name: str, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
        with self._whole():
            return np.memmap(self.folder / name, dtype, "r", shape=shape)

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """
        Raises:
            ValueError: what is read of the folder is not what was written there.
        """
        try:
            yield
        except (ValueError, OSError, KeyError, TypeError) as error:
            raise ValueError(
                f"{self.folder} is not whole any more ({error}); delete that folder, and the files are converted again"
            ) from error


def series_table(files: Sequence[Path], spec: TableSpec, cache: Path | None = None) -> SeriesTable:
    """The table of these files; converted now if it has not been. Processes that come at the same time convert once.

    Args:
        files: from `expand`.
        spec: how.
        cache: the folder that holds tables; None means the user's cache folder.

    Raises:
        ValueError: something in the files is wrong, or they change at this moment.
        OSError: the table cannot be written.
    """
    place = cache or platformdirs.user_cache_path("seqmodels") / "series"
    key = _key(files, spec)
    folder = place / key
    try:
        if not folder.exists():
            place.mkdir(parents=True, exist_ok=True)
            with FileLock(place / f".{key}.lock"):
                if not folder.exists():  # else another process has just made it
                    _convert(files, spec, folder, key)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        if full or place in (Path(str(error.filename)), *Path(str(error.filename)).parents):
            raise OSError(
                f"the converted data cannot be written to {place}: {error.strerror}; "
                f"give another folder with datamodule.cache=FOLDER"
            ) from error
        raise
    return SeriesTable(folder, files, spec)


def _convert(files: Sequence[Path], spec: TableSpec, folder: Path, key: str) -> None:
    for leftover in folder.parent.glob(f".{key}-*"):  # of a process that was killed: the lock is ours
        shutil.rmtree(leftover)
    workplace = folder.with_name(f".{key}-{os.getpid()}")
    workplace.mkdir()
    try:
        write_table(files, spec, workplace)
        if _key(files, spec) != key:
            names = ", ".join(map(str, files[:3])) + (", ..." if len(files) > 3 else "")
            raise ValueError(f"{names} changed while being read; begin again when nothing writes to them")
        workplace.replace(folder)
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


def _key(files: Sequence[Path], spec: TableSpec) -> str:
    stats = [(str(path.resolve()), path.stat()) for path in files]
    identity = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
    return _hash([VERSION, identity, spec])


def _hash(plain: list[Any]) -> str:
    return hashlib.sha256(json.dumps(plain).encode()).hexdigest()[:20]
