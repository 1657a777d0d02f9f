"""What is learned from the training rows of a table: mean and standard deviation of every column, the scale of MASE.

Block by block, in float64, missing cells left out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from seqmodels.datamodules.series.table import SeriesTable

ROWS = 2**16
"""Rows of a block."""

Rows = Sequence[tuple[int, int]]
"""(start, stop) of rows without a gap within."""


@dataclass(frozen=True)
class TrainingStatistics:
    """Plain values, for checkpoints.

    Attributes:
        input_mean, input_std: (D,). target_mean, target_std: (Y,). The std of a constant column is 1.
        input_change: (D,) root mean square of x_t - x_{t-1}. target_change: (Y,) of y_{t+h} - y_t. Of what never
            changes it is 1.
        target_scale: (Y,) mean |y_t - y_{t - season}|; None where there is none, or a horizon of 0 needs none.
        horizon, season: that the training was for.
        rows: of the table.
        steps: of training.
    """

    input_mean: list[float]
    input_std: list[float]
    target_mean: list[float]
    target_std: list[float]
    input_change: list[float]
    target_change: list[float]
    target_scale: list[float] | None
    horizon: int
    season: int
    rows: int
    steps: int

    def difference(self, then: "TrainingStatistics") -> str | None:
        """What tells the data of two trainings apart, in words; None when nothing does that matters."""
        for name in ("rows", "steps"):
            ours, theirs = getattr(self, name), getattr(then, name)
            if ours != theirs:
                return f"{theirs:,} {'rows' if name == 'rows' else 'training steps'} then, {ours:,} now"
        for kind in ("input", "target"):
            ours, theirs = (np.array(getattr(one, f"{kind}_mean")) for one in (self, then))
            if len(ours) != len(theirs):
                return f"{len(theirs)} {kind}s then, {len(ours)} now"
            if (np.abs(ours - theirs) > 1e-6 * np.array(getattr(then, f"{kind}_std"))).any():
                return f"means of the {kind}s {theirs.tolist()} then, {ours.tolist()} now"
        return None


def fit_statistics(table: SeriesTable, rows: Rows, steps: int, horizon: int, season: int) -> TrainingStatistics:
    """
    Args:
        table: holds the rows.
        rows: that training sees.
        steps: of training.
        horizon: h.
        season: of the scale.

    Raises:
        ValueError: a column has no value in the training rows.
    """
    spec = table.spec
    input_mean, input_std = mean_and_std(table.inputs, rows, spec.inputs)
    target_mean, target_std = mean_and_std(table.targets, rows, spec.targets)
    input_change, target_change = (
        change_size(values, rows, lag) for values, lag in ((table.inputs, 1), (table.targets, horizon))
    )
    scale = seasonal_scale(table.targets, rows, season) if horizon else None
    statistics = input_mean, input_std, target_mean, target_std, input_change, target_change, scale
    return TrainingStatistics(*statistics, horizon, season, table.rows, steps)


def mean_and_std(values: np.ndarray, rows: Rows, names: Sequence[str]) -> tuple[list[float], list[float]]:
    """Of each column, by the pairwise update of Chan, Golub & LeVeque (1983).

    Raises:
        ValueError: a column has no value there.
    """
    count = mean = squares = np.zeros(values.shape[1])
    for start, stop in _blocks(rows):
        block = values[start:stop].astype(np.float64)
        there = ~np.isnan(block)
        n = there.sum(0)
        block_mean = np.where(there, block, 0).sum(0) / np.maximum(n, 1)
        difference = block_mean - mean
        total = np.maximum(count + n, 1)
        squares = squares + (np.where(there, block - block_mean, 0) ** 2).sum(0) + difference**2 * count * n / total
        mean = mean + difference * n / total
        count = count + n
    empty = np.flatnonzero(count == 0)
    if len(empty):
        raise ValueError(
            f"column {names[empty[0]]} has no value in the training part; give more data, or leave it out of "
            f"datamodule.inputs=[...] and datamodule.targets=[...]"
        )
    std = np.sqrt(squares / count)
    constant = std <= np.finfo(np.float32).eps * np.abs(mean)  # nothing but rounding
    return mean.tolist(), np.where(constant, 1, std).tolist()


def seasonal_scale(targets: np.ndarray, rows: Rows, season: int) -> list[float] | None:
    """(Y,) mean |y_t - y_{t - season}|: what MASE measures errors in (Hyndman & Koehler 2006, equation 3; with the
    season of M4). None where a column has no such pair, or only equal ones.
    """
    total, count = np.zeros(targets.shape[1]), np.zeros(targets.shape[1])
    for differences in _differences(targets, rows, season):
        total += np.nansum(np.abs(differences), 0)
        count += (~np.isnan(differences)).sum(0)
    return (total / count).tolist() if total.all() else None


def change_size(values: np.ndarray, rows: Rows, lag: int) -> list[float]:
    """Root mean square of v_t - v_{t - lag} of each column; 1 where it never changes."""
    total, count = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    for differences in _differences(values, rows, lag):
        total += np.nansum(differences**2, 0)
        count += (~np.isnan(differences)).sum(0)
    return np.where(total > 0, np.sqrt(total / np.maximum(count, 1)), 1).tolist()


def _differences(values: np.ndarray, rows: Rows, lag: int) -> Iterator[np.ndarray]:
    """v_t - v_{t - lag}, block by block, NaN where one of both is missing."""
    for start, stop in _blocks([(start + lag, stop) for start, stop in rows]):
        yield values[start:stop].astype(np.float64) - values[start - lag : stop - lag].astype(np.float64)


def _blocks(rows: Rows) -> Iterator[tuple[int, int]]:
    for start, stop in rows:
        for first in range(start, stop, ROWS):
            yield first, min(first + ROWS, stop)
