"""Files of numbers to one table in which every series lies in one piece, block by block.

Rows of different groups may be mixed in the files: a row goes to the place that the scan has kept for it.

    file     a0 b0 a1 a2 b1 ...          table    a0 a1 a2 ... | b0 b1 ...
"""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from seqmodels.datamodules.missing import forward_filled, what_is_missing
from seqmodels.datamodules.series.clock import Clock, are_dates
from seqmodels.datamodules.series.scan import group_codes, scan_files
from seqmodels.datamodules.series.spec import TableSpec
from seqmodels.system.files import flush
from seqmodels.tables.read import Block, blocks

INPUTS, TARGETS, TIMES, INDEX = "inputs.f32", "targets.f32", "times.64", "index.json"


def write_table(files: Sequence[Path], spec: TableSpec, folder: Path) -> None:
    """Leave inputs (N, D) and targets (N, Y), little-endian float32 with NaN for what is missing, times, and an index.

    Times (N,) are float64, or dates in nanoseconds since 1970; without a column of them the file is empty.

    Raises:
        ValueError: names file, column and row of what is wrong.
        OSError: the folder cannot be written.
    """
    with ExitStack() as stack:
        arrays = [stack.enter_context((folder / name).open("wb")) for name in (INPUTS, TARGETS, TIMES)]
        writer = _Writer(files, spec, arrays)
        for number, path in enumerate(files):
            for block in _blocks(path, spec):
                writer.write(number, path, block)
        for file in arrays:
            flush(file)
    with (folder / INDEX).open("wb") as index:
        index.write(json.dumps(writer.index()).encode())
        flush(index)


def _blocks(path: Path, spec: TableSpec) -> Any:
    numbers = list(dict.fromkeys([*spec.inputs, *spec.targets]))
    texts = [spec.group] if spec.group is not None else []
    times = [spec.time] if spec.time is not None else []
    return blocks(path, numbers, texts, times, spec.marks)


class _Writer:
    """Where each series stands."""

    def __init__(self, files: Sequence[Path], spec: TableSpec, arrays: Sequence[BinaryIO]) -> None:
        self.spec, self.arrays = spec, arrays
        self.names, rows, beginnings = scan_files(files, spec)
        self.codes = {name: code for code, name in enumerate(self.names)}
        self.clock = Clock(spec, self.names, beginnings) if spec.time is not None else None
        self.begin = np.cumsum(rows) - rows  # without groups known as the files are read
        self.done = np.zeros(len(self.names), np.int64)
        self.cuts: list[list[int]] = [[] for _ in self.names]
        self.last = np.full((len(self.names), len(spec.inputs)), np.nan, np.float32)
        self.missing = dict.fromkeys([*spec.inputs, *spec.targets], 0)
        self.dates = False

    def write(self, number: int, path: Path, block: Block) -> None:
        spec = self.spec
        if spec.group is not None:
            series = group_codes(path, block, spec.group, self.codes)
            _check_unchanged(path, len(self.codes) == len(self.names))
            order = np.argsort(series, kind="stable")
            series = series[order]
        else:
            series, order = np.full(block.rows, number), np.arange(block.rows)
            if len(self.begin) == number:
                self.begin = np.append(self.begin, self.done.sum())
        fresh, times = np.zeros(block.rows, bool), np.empty((block.rows, 0))
        if self.clock is not None:
            assert spec.time is not None
            times = block.times[spec.time]
            fresh = self.clock.resets(path, block.first, times, series, order)
            self.dates = are_dates(times)
            times = times.astype("datetime64[ns]" if self.dates else np.float64)[order, None]
        numbers = {name: _as_float32(column) for name, column in block.numbers.items()}
        self._account(path, block, numbers)
        x = np.stack([numbers[name] for name in spec.inputs], 1)[order]
        y = np.stack([numbers[name] for name in spec.targets], 1)[order]
        starts = np.flatnonzero(np.diff(series, prepend=-1))
        if spec.missing == "ffill":
            x = forward_filled(x, starts, fresh, self.last[series[starts]])
        self._place(series, starts, fresh, x.astype("<f4"), y.astype("<f4"), times)

    def _account(self, path: Path, block: Block, numbers: dict[str, np.ndarray]) -> None:
        holes = {name: np.isnan(column) for name, column in numbers.items()}
        if self.spec.missing == "error":
            rows = {name: int(hole.argmax()) for name, hole in holes.items() if hole.any()}
            if rows:
                name = min(rows, key=lambda name: rows[name])
                found = what_is_missing(float(block.numbers[name][rows[name]]))
                raise ValueError(
                    f"{path}, column {name}, row {block.first + rows[name]}: {found}; "
                    f"datamodule.missing=mask leaves such steps out of the loss, datamodule.missing=ffill repeats the "
                    f"last input"
                )
        for name, hole in holes.items():
            self.missing[name] += int(hole.sum())

    def _place(self, series: np.ndarray, starts: np.ndarray, fresh: np.ndarray, *arrays: np.ndarray) -> None:
        for start, end in zip(starts, [*starts[1:], len(series)], strict=True):
            one = series[start]
            row = int(self.begin[one] + self.done[one])
            for file, array in zip(self.arrays, arrays, strict=True):
                file.seek(row * array[:1].nbytes)
                file.write(array[start:end].tobytes())
            self.cuts[one] += (self.done[one] + np.flatnonzero(fresh[start:end])).tolist()
            self.done[one] += end - start
            self.last[one] = arrays[0][end - 1]

    def index(self) -> dict[str, Any]:
        """Every series by name, with its first row in the table, its rows and where it begins anew."""
        series = [
            {"name": name, "begin": int(begin), "rows": int(rows), "cuts": cuts}
            for name, begin, rows, cuts in zip(self.names, self.begin, self.done, self.cuts, strict=True)
        ]
        return {"rows": int(self.done.sum()), "series": series, "missing": self.missing, "dates": self.dates}


def _as_float32(column: np.ndarray) -> np.ndarray:
    """What is infinite, or beyond float32, is missing."""
    with np.errstate(over="ignore"):
        column = column.astype(np.float32)
    return np.where(np.isinf(column), np.float32(np.nan), column)


def _check_unchanged(path: Path, unchanged: bool) -> None:
    if not unchanged:
        raise ValueError(f"{path} changed while it was read; begin again when nothing writes to it")
