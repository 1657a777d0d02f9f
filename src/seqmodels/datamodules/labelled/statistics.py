"""What is learned from the training sequences, and what it makes of any others: numbers for a model."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from seqmodels.datamodules.labelled.elapsed import in_steps, time_step_of
from seqmodels.datamodules.labelled.ragged import RaggedRows
from seqmodels.datamodules.labelled.sequences import Sequences, in_order
from seqmodels.datamodules.missing import LARGEST, Missing, forward_filled, what_is_missing

SHOWN = 20
"""Classes that an error lists."""


@dataclass(frozen=True)
class TrainingStatistics:
    """Plain values, so that checkpoints hold them.

    Attributes:
        class_names: what the classes 0, 1, ... are called.
        input_names: D columns.
        mean, std: D numbers, over the steps of the training sequences, missing cells left out.
        sequences, steps: how many the training part has; they tell whether it is still the same.
        class_counts: training sequences of each class; None in trainings of before December 2026.
        time_step: what a `dt` of 1 stands for, in the unit of the times, of dates in seconds; None where nobody is
            told.
    """

    class_names: list[str]
    input_names: list[str]
    mean: list[float]
    std: list[float]
    sequences: int
    steps: int
    class_counts: list[int] | None = None
    time_step: float | None = None

    def difference(self, then: TrainingStatistics) -> str | None:
        """What tells the data of two trainings apart, in words; None when nothing does that matters."""
        ours, theirs = asdict(self), asdict(then)
        for name in ("input_names", "class_names", "sequences", "steps"):
            if ours[name] != theirs[name]:
                return f"{name} {short(theirs[name])} then, {short(ours[name])} now"
        for name in ("mean", "std"):
            pairs = zip(self.input_names, ours[name], theirs[name], strict=True)
            for column, now, before in pairs:
                if not math.isclose(now, before, rel_tol=1e-6, abs_tol=1e-9):  # machines add in different orders
                    return f"{name} of {column} {before:.7g} then, {now:.7g} now"
        return None


def fit_statistics(train: Sequences, has_dt: bool = False) -> TrainingStatistics:
    """
    Args:
        train: the training sequences.
        has_dt: a core is told the time between steps.

    Raises:
        ValueError: there is one class only, a column without any value, or no times where they are wanted.
    """
    assert train.labels is not None
    classes = in_order(train.labels)
    if len(classes) < 2:
        raise ValueError(
            f"{train.files[0]}: all {len(train.ids):,} training sequences are of the class {classes[0]!r}; a "
            f"classification needs at least two classes; name files of others too, datamodule.files=[...]"
        )
    finite = np.abs(train.values) <= LARGEST
    counts = finite.sum(0)
    if not counts.all():
        name = train.columns[int(counts.argmin())]
        raise ValueError(
            f"{train.files[0]}, column {name}: no value in any training sequence; leave it out of "
            f"datamodule.inputs=[...]"
        )
    mean = np.where(finite, train.values, 0).sum(0) / counts
    std = np.sqrt((np.where(finite, train.values - mean, 0) ** 2).sum(0) / counts)
    std = np.where(std > 1e-12 * np.abs(mean), std, 1)  # a constant column varies by rounding at most
    counts_of = Counter(train.labels)
    sizes = len(train.ids), len(train.values), [counts_of[name] for name in classes]
    time_step = time_step_of(train) if has_dt else None
    return TrainingStatistics(classes, train.columns, mean.tolist(), std.tolist(), *sizes, time_step)


def rows_of(part: Sequences, statistics: TrainingStatistics, missing: Missing) -> RaggedRows:
    """Sequences as the loaders take them.

    Args:
        part: with labels, or without.
        statistics: of the training sequences.
        missing: what a missing or infinite cell is: an error, the training mean (mask), or the value before it in its
            sequence and at the beginning the mean (ffill).

    Raises:
        ValueError: names file, column and row of a missing cell or of a label that training does not know.
    """
    if len(part.columns) != len(statistics.input_names):
        trained = len(statistics.input_names)
        raise ValueError(f"{part.files[0]} holds {len(part.columns)} values a step; the training data has {trained}")
    values = filled(part, np.array(statistics.mean), missing).astype(np.float32)
    dt = None if statistics.time_step is None else torch.from_numpy(in_steps(part, statistics.time_step))
    return RaggedRows(
        torch.from_numpy(values), torch.from_numpy(part.lengths), torch.from_numpy(_classes(part, statistics)), dt
    )


def filled(part: Sequences, mean: np.ndarray, missing: Missing) -> np.ndarray:
    """(S, D) values without gaps; arguments as in `rows_of`."""
    known = np.abs(part.values) <= LARGEST
    if known.all():
        return part.values
    if missing == "error":
        step, column = map(int, np.argwhere(~known)[0])
        value = float(part.values[step, column])
        found = f": {what_is_missing(value)}" if math.isfinite(value) else f" is {'empty' if value != value else value}"
        raise ValueError(
            f"{part.place(step, column)}{found}; clean the data, or give datamodule.missing=mask (the training "
            f"mean) or datamodule.missing=ffill (the value before)"
        )
    if missing == "mask":
        return np.where(known, part.values, mean)
    values, no_gaps = np.where(known, part.values, np.nan), np.zeros(len(known), bool)
    return forward_filled(values, part.starts, no_gaps, np.tile(mean, (len(part.lengths), 1)))


def _classes(part: Sequences, statistics: TrainingStatistics) -> np.ndarray:
    if part.labels is None:
        return np.full(len(part.ids), -1)
    numbers = {name: number for number, name in enumerate(statistics.class_names)}
    for sequence, label in enumerate(part.labels):
        if label not in numbers:
            row = part.rows[part.starts[sequence]]
            raise ValueError(
                f"{part.files[sequence]}, row {row}: the label {label!r} does not occur in the training data; there is "
                f"{short(statistics.class_names)}"
            )
    return np.array([numbers[label] for label in part.labels], np.int64)


def short(value: Any) -> str:
    """A number, or a list that may be long."""
    if not isinstance(value, list):
        return f"{value:,}"
    return ", ".join(map(str, value[:SHOWN])) + (f" and {len(value) - SHOWN} more" if len(value) > SHOWN else "")
