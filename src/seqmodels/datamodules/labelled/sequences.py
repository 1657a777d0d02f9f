"""Sequences as they stand in files: end to end, each with its label, and every step knows its row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Sequences(NamedTuple):
    """N sequences of S steps in all.

    Attributes:
        columns: D names of what a step holds.
        values: (S, D) float64, NaN where a cell is missing.
        lengths: (N,) int64 steps of each, at least 1.
        ids: N texts, for messages and predictions.
        labels: N texts; None where they were not read.
        files: N, where each comes from.
        rows: (S,) int64, the row of each step in its file, counted from 1.
        passed: (S,) the time since the step before, see `elapsed.passed`; None where no times were read.
    """

    columns: list[str]
    values: np.ndarray
    lengths: np.ndarray
    ids: list[str]
    labels: list[str] | None
    files: list[Path]
    rows: np.ndarray
    passed: np.ndarray | None = None

    @property
    def starts(self) -> np.ndarray:
        """(N,) the first step of each."""
        return np.cumsum(self.lengths) - self.lengths

    def chosen(self, which: np.ndarray) -> Sequences:
        """The sequences of these numbers, in their order."""
        lengths = self.lengths[which]
        steps = np.repeat(self.starts[which] - (np.cumsum(lengths) - lengths), lengths) + np.arange(lengths.sum())
        return Sequences(
            self.columns,
            self.values[steps],
            lengths,
            [self.ids[i] for i in which],
            None if self.labels is None else [self.labels[i] for i in which],
            [self.files[i] for i in which],
            self.rows[steps],
            None if self.passed is None else self.passed[steps],
        )

    def place(self, step: int, column: int) -> str:
        """Where a cell stands, for messages: file, column, row and sequence."""
        number = int(np.searchsorted(self.starts, step, side="right")) - 1
        within = step - int(self.starts[number]) + 1
        file, name, row = self.files[number], self.columns[column], int(self.rows[step])
        return f"{file}, column {name}, row {row} (step {within} of sequence {self.ids[number]})"


def joined(parts: Sequence[Sequences]) -> Sequences:
    """Sequences of several files, at least one, as one.

    Raises:
        ValueError: the files differ in their columns, or in what their times are.
    """
    first = parts[0]
    for part in parts:
        if len(part.columns) != len(first.columns):
            raise ValueError(
                f"{part.files[0]} holds {len(part.columns)} values a step, {first.files[0]} {len(first.columns)}; all "
                f"files of a run need the same"
            )
    return Sequences(
        first.columns,
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.lengths for part in parts]),
        [name for part in parts for name in part.ids],
        None if first.labels is None else [label for part in parts for label in part.labels or ()],
        [file for part in parts for file in part.files],
        np.concatenate([part.rows for part in parts]),
        _joined_times(parts),
    )


def _joined_times(parts: Sequence[Sequences]) -> np.ndarray | None:
    known = {part.passed.dtype.kind: part for part in parts if part.passed is not None}
    if len(known) > 1:
        of_dates, of_numbers = known["m"].files[0], known["f"].files[0]
        raise ValueError(f"the times of {of_dates} are dates, those of {of_numbers} are numbers; expected one of them")
    return np.concatenate([part.passed for part in parts]) if all(part.passed is not None for part in parts) else None


def check_ids(parts: Iterable[Sequences]) -> None:
    """An id in two files is either a sequence cut in two or one that would be trained on and tested on.

    Raises:
        ValueError: names the id and both files.
    """
    known: dict[str, Path] = {}
    for part in parts:
        for name, file in zip(part.ids, part.files, strict=True):
            if known.setdefault(name, file) != file:
                raise ValueError(
                    f"id {name!r} stands in {known[name]} and in {file}; a sequence belongs in one file and one part "
                    f"of the data. If every file counts its ids anew, give datamodule.ids_per_file=true"
                )


EXACT = 2**53
"""Below it a float holds every whole number, so that none is taken for its neighbour."""


def class_name(text: str) -> str:
    """A label or an id as it is called: whole numbers alike however they are written, 1.0 and 1.0000000e+00 as 1.

    An exponent counts with a point or a sign, as programs write it; 00e1 and 00e2 are two names and not two zeros.
    """
    if re.fullmatch(r"[+-]?\d+(\.0*)?|[+-]?\d+(\.\d*[eE][+-]?|[eE][+-])\d+", text) and not text.isdigit():
        number = float(text)
        return str(int(number)) if number.is_integer() and abs(number) < EXACT else text
    return text


def in_order(names: Iterable[str]) -> list[str]:
    """Different names, sorted: as numbers if all are, else as texts."""
    different = set(names)
    try:
        return sorted(different, key=lambda name: (float(name), name))
    except ValueError:
        return sorted(different)
