"""What is learned from the training rows of a table: mean and standard deviation of every column, the scale of MASE.

Block by block, in float64, missing cells left out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from seqmodels.datamodules.series.clock import MEASURED
from seqmodels.datamodules.series.table import SeriesTable
from seqmodels.tables.dates import SECOND

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
        target_scale: (Y,) mean |y_t - y_{t - season}|, None for a target that has none; None in all where no target has
            one, or a horizon of 0 needs none.
        horizon, season: that the training was for.
        rows: of the table.
        steps: of training.
        series: of each of S series its "name", and the same statistics by their names, "target_mean" (S, Y) and so on;
            None in trainings of before December 2026.
        scale_missing: why a target has no scale, by its name.
        time_step: what a `dt` of 1 stands for, in the unit of the times, of dates in seconds; None where nobody is
            told.
    """

    input_mean: list[float]
    input_std: list[float]
    target_mean: list[float]
    target_std: list[float]
    input_change: list[float]
    target_change: list[float]
    target_scale: list[float | None] | None
    horizon: int
    season: int
    rows: int
    steps: int
    series: dict[str, list[Any]] | None = None
    scale_missing: dict[str, str] = field(default_factory=dict)
    time_step: float | None = None

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


def fit_statistics(
    table: SeriesTable, rows: Sequence[Rows], steps: int, horizon: int, season: int
) -> TrainingStatistics:
    """
    Args:
        table: holds the rows.
        rows: that training sees, of each series.
        steps: of training.
        horizon: h.
        season: of the scale.

    Raises:
        ValueError: a column has no value in the training rows.
    """
    spec, names = table.spec, [series.name for series in table.series]
    every = [piece for pieces in rows for piece in pieces]
    found = _learned(table, every, horizon, season)
    for columns, kind in ((spec.inputs, "input"), (spec.targets, "target")):
        empty = [name for name, mean in zip(columns, found[f"{kind}_mean"], strict=True) if mean is None]
        if empty:
            raise ValueError(
                f"column {empty[0]} has no value in the training part; give more data, or leave it out of "
                f"datamodule.inputs=[...] and datamodule.targets=[...]"
            )
    each = [found] if len(names) == 1 else [_learned(table, pieces, horizon, season) for pieces in rows]
    series: dict[str, list[Any]] = {"name": names} | {key: [one[key] for one in each] for key in found}
    missing = _scale_missing(table, every, season, found["target_scale"]) if horizon else {}
    if len(missing) == len(spec.targets) or not horizon:
        found["target_scale"] = None
    learned = TrainingStatistics(
        **found, horizon=horizon, season=season, rows=table.rows, steps=steps, series=series, scale_missing=missing
    )
    return replace(learned, time_step=time_step_of(table, rows)) if spec.gaps == "dt" else learned


def time_step_of(table: SeriesTable, rows: Sequence[Rows]) -> float:
    """What the config says, else the median time between two rows at the beginnings of all series.

    Raises:
        ValueError: no two rows of a series are apart in time.
    """
    if table.spec.time_step is not None:
        return table.spec.time_step
    assert table.times is not None
    steps = [np.diff(table.times[start : min(stop, start + MEASURED + 1)]) for pieces in rows for start, stop in pieces]
    passed = np.concatenate(steps).astype(np.float64)
    passed = passed[passed > 0]
    if not len(passed):
        raise ValueError(
            "gaps=dt counts time in steps, and no two rows of a series are apart in time; give "
            "datamodule.time_step=NUMBER, or datamodule.gaps=ignore"
        )
    return float(np.median(passed)) / (SECOND if table.has_dates else 1)


def _learned(table: SeriesTable, rows: Rows, horizon: int, season: int) -> dict[str, Any]:
    """Of some rows, what `TrainingStatistics` has of all; None in a list where a column has no value."""
    found: dict[str, Any] = {}
    for kind, values, lag in (("input", table.inputs, 1), ("target", table.targets, horizon)):
        found[f"{kind}_mean"], found[f"{kind}_std"] = mean_and_std(values, rows)
        found[f"{kind}_change"] = change_size(values, rows, lag)
    return found | {"target_scale": seasonal_scale(table.targets, rows, season) if horizon else None}


def mean_and_std(values: np.ndarray, rows: Rows) -> tuple[list[float | None], list[float]]:
    """Of each column, by the pairwise update of Chan, Golub & LeVeque (1983); a column without a value has no mean."""
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
    std = np.sqrt(squares / np.maximum(count, 1))
    constant = std <= np.finfo(np.float32).eps * np.abs(mean)  # nothing but rounding
    known = [float(one) if n else None for one, n in zip(mean, count, strict=True)]
    return known, np.where(constant, 1, std).tolist()


def seasonal_scale(targets: np.ndarray, rows: Rows, season: int) -> list[float | None]:
    """(Y,) mean |y_t - y_{t - season}|: what MASE measures errors in (Hyndman & Koehler 2006, equation 3; with the
    season of M4). None for a column that has no such pair, or only equal ones.
    """
    total, count = np.zeros(targets.shape[1]), np.zeros(targets.shape[1])
    for differences in _differences(targets, rows, season):
        total += np.nansum(np.abs(differences), 0)
        count += (~np.isnan(differences)).sum(0)
    return [float(error / n) if error else None for error, n in zip(total, count, strict=True)]


def _scale_missing(table: SeriesTable, rows: Rows, season: int, scale: Sequence[float | None]) -> dict[str, str]:
    """Why targets have no scale, by their names."""
    longest = max((stop - start for start, stop in rows), default=0)
    missing = {}
    for number, name in enumerate(table.spec.targets):
        if scale[number] is not None:
            continue
        if longest <= season:
            missing[name] = f"season={season}, but no stretch of training rows is longer than {longest:,}"
        elif any(
            (~np.isnan(differences[:, number])).any() for differences in _differences(table.targets, rows, season)
        ):
            missing[name] = f"its training rows never differ from those {_rows_before(season)}"
        else:
            missing[name] = f"no training row is known together with the one {_rows_before(season)}"
    return missing


def _rows_before(season: int) -> str:
    return f"{season:,} row{'s' * (season > 1)} before"


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
