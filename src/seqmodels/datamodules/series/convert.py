"""Files of numbers to one table in which every series lies in one piece, block by block.

Rows of different groups may be mixed in the files: a row goes to the place that the survey has kept for it.

    file     a0 b0 a1 a2 b1 ...          table    a0 a1 a2 ... | b0 b1 ...
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from seqmodels.datamodules.series.clock import Clock
from seqmodels.datamodules.series.recipe import Recipe
from seqmodels.datamodules.series.survey import group_codes, survey
from seqmodels.tables.read import Block, blocks

INPUTS, TARGETS, INDEX = "inputs.f32", "targets.f32", "index.json"


def write_table(files: Sequence[Path], recipe: Recipe, folder: Path) -> None:
    """Leave inputs (N, D) and targets (N, Y), little-endian float32 with NaN for what is missing, and an index.

    Raises:
        ValueError: names file, column and row of what is wrong.
        OSError: the folder cannot be written.
    """
    with (folder / INPUTS).open("wb") as inputs, (folder / TARGETS).open("wb") as targets:
        writer = _Writer(files, recipe, inputs, targets)
        for number, path in enumerate(files):
            for block in _blocks(path, recipe):
                writer.write(number, path, block)
        for file in (inputs, targets):
            file.flush()
            os.fsync(file.fileno())
    (folder / INDEX).write_text(json.dumps(writer.index()), encoding="utf-8")


def _blocks(path: Path, recipe: Recipe) -> Any:
    numbers = list(dict.fromkeys([*recipe.inputs, *recipe.targets]))
    texts = [recipe.group] if recipe.group is not None else []
    times = [recipe.time] if recipe.time is not None else []
    return blocks(path, numbers, texts, times, recipe.delimiter, recipe.decimal)


class _Writer:
    """Where each series stands."""

    def __init__(self, files: Sequence[Path], recipe: Recipe, inputs: BinaryIO, targets: BinaryIO) -> None:
        self.recipe, self.inputs, self.targets = recipe, inputs, targets
        self.names, rows, beginnings = survey(files, recipe)
        self.codes = {name: code for code, name in enumerate(self.names)}
        self.clock = Clock(recipe, self.names, beginnings) if recipe.time is not None else None
        self.begin = np.cumsum(rows) - rows  # without groups known as the files are read
        self.done = np.zeros(len(self.names), np.int64)
        self.cuts: list[list[int]] = [[] for _ in self.names]
        self.last = np.full((len(self.names), len(recipe.inputs)), np.nan, np.float32)
        self.missing = dict.fromkeys([*recipe.inputs, *recipe.targets], 0)

    def write(self, number: int, path: Path, block: Block) -> None:
        recipe = self.recipe
        if recipe.group is not None:
            series = group_codes(path, block, recipe.group, self.codes)
            _check_unchanged(path, len(self.codes) == len(self.names))
            order = np.argsort(series, kind="stable")
            series = series[order]
        else:
            series, order = np.full(block.rows, number), np.arange(block.rows)
            if len(self.begin) == number:
                self.begin = np.append(self.begin, self.done.sum())
        fresh = np.zeros(block.rows, bool)
        if self.clock is not None:
            assert recipe.time is not None
            fresh = self.clock.resets(path, block.first, block.times[recipe.time], series, order)
        numbers = {name: _as_float32(column) for name, column in block.numbers.items()}
        self._account(path, block.first, numbers)
        x = np.stack([numbers[name] for name in recipe.inputs], 1)[order]
        y = np.stack([numbers[name] for name in recipe.targets], 1)[order]
        starts = np.flatnonzero(np.diff(series, prepend=-1))
        if recipe.missing == "ffill":
            x = filled(x, starts, fresh, self.last[series[starts]])
        self._place(series, starts, fresh, x, y)

    def _account(self, path: Path, first: int, numbers: dict[str, np.ndarray]) -> None:
        holes = {name: np.isnan(column) for name, column in numbers.items()}
        if self.recipe.missing == "error":
            rows = {name: int(hole.argmax()) for name, hole in holes.items() if hole.any()}
            if rows:
                name = min(rows, key=lambda name: rows[name])
                raise ValueError(
                    f"{path}, column {name}, row {first + rows[name]}: the cell is missing or infinite; missing=mask "
                    f"leaves such steps out of the loss, missing=ffill repeats the last input"
                )
        for name, hole in holes.items():
            self.missing[name] += int(hole.sum())

    def _place(self, series: np.ndarray, starts: np.ndarray, fresh: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
        for start, end in zip(starts, [*starts[1:], len(series)], strict=True):
            one = series[start]
            row = int(self.begin[one] + self.done[one])
            for file, values in ((self.inputs, x[start:end]), (self.targets, y[start:end])):
                file.seek(row * values.shape[1] * 4)
                file.write(values.astype("<f4").tobytes())
            self.cuts[one] += (self.done[one] + np.flatnonzero(fresh[start:end])).tolist()
            self.done[one] += end - start
            self.last[one] = x[end - 1]

    def index(self) -> dict[str, Any]:
        """Every series by name, with its first row in the table, its rows and where it begins anew."""
        series = [
            {"name": name, "begin": int(begin), "rows": int(rows), "cuts": cuts}
            for name, begin, rows, cuts in zip(self.names, self.begin, self.done, self.cuts, strict=True)
        ]
        return {"rows": int(self.done.sum()), "series": series, "missing": self.missing}


def filled(x: np.ndarray, starts: np.ndarray, fresh: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Missing cells of x repeat the last value above them in the same series.

    Args:
        x: (n, D), series after series.
        starts: (S,) the rows at which the series begin.
        fresh: (n,) rows behind a gap, where nothing is repeated.
        before: (S, D) the last row of each series in earlier blocks; NaN if there was none.
    """
    n = len(x)
    begins = fresh.copy()
    begins[starts] = True
    piece = np.maximum.accumulate(np.where(begins, np.arange(n), 0))[:, None]
    last = np.maximum.accumulate(np.where(np.isnan(x), -1, np.arange(n)[:, None]), 0)
    carried = np.full_like(x, np.nan)
    carried[starts] = np.where(fresh[starts, None], np.nan, before)
    within = last >= piece
    return np.where(within, np.take_along_axis(x, np.maximum(last, 0), 0), carried[piece[:, 0]])


def _as_float32(column: np.ndarray) -> np.ndarray:
    """What is infinite, or beyond float32, is missing."""
    with np.errstate(over="ignore"):
        column = column.astype(np.float32)
    return np.where(np.isinf(column), np.float32(np.nan), column)


def _check_unchanged(path: Path, unchanged: bool) -> None:
    if not unchanged:
        raise ValueError(f"{path} changed while it was read; begin again when nothing writes to it")
