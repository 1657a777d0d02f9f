"""Forecasts that cost nothing, over exactly the steps that a test counts: what a model has to beat.

naive            y^(t+h) = y(t)
seasonal naive   y^(t+h) = y(t + h - m ceil(h / m)), m the season

Where that value is missing the last one known before it stands in. A forecast that would need a row before the signal's
first is the naive one, and where nothing is known yet the training's mean.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqmodels.datamodules.missing import forward_filled
from seqmodels.datamodules.series.lanes import Segment
from seqmodels.datamodules.series.statistics import ROWS, TrainingStatistics
from seqmodels.datamodules.series.table import SeriesTable


def baselines(
    table: SeriesTable, segments: Sequence[Segment], horizon: int, season: int, statistics: TrainingStatistics
) -> dict[str, Any]:
    """`{"naive": {"mae": ..., "mase": ...}}`, with a season above 1 also "seasonal_naive"; all targets together.

    Args:
        table: of the test.
        segments: its steps.
        horizon: h, at least 1.
        season: m.
        statistics: from the training, with the scale of MASE; without one there is no "mase".
    """
    shifts = {"naive": 0}
    if season > 1:
        shifts["seasonal_naive"] = horizon - season * -(-horizon // season)
    scale = np.array(statistics.target_scale or np.nan)
    sums = {name: np.zeros(2) for name in shifts}
    count = 0
    for segment in segments:
        for first in range(segment.start, segment.stop, ROWS):
            steps = np.arange(first, min(first + ROWS, segment.stop))
            y = table.targets[steps + horizon].astype(np.float64)
            counts = ~(np.isnan(table.inputs[steps]).any(1) | np.isnan(y).any(1))
            count += counts.sum() * y.shape[1]
            low = max(segment.floor, first + min(shifts.values()))
            known = last_known(table.targets, segment.floor, low, int(steps[-1]) + 1)
            for name, shift in shifts.items():
                source = np.where(steps + shift < segment.floor, steps, steps + shift)
                forecast = known[source - low]
                forecast = np.where(np.isnan(forecast), statistics.target_mean, forecast)
                error = np.abs(forecast - y)[counts]
                sums[name] += error.sum(), (error / scale).sum()
    if not count:
        return {}
    named = {name: {"mae": mae / count, "mase": mase / count} for name, (mae, mase) in sums.items()}
    if statistics.target_scale is None:
        named = {name: {"mae": errors["mae"]} for name, errors in named.items()}
    return named


def last_known(values: np.ndarray, floor: int, start: int, stop: int) -> np.ndarray:
    """Rows start, ..., stop - 1 as (n, Y) float64; a missing cell is that of the last row, from floor on, that has it.

    NaN where none has.
    """
    block = values[start:stop].astype(np.float64)
    before, row = np.full(block.shape[1], np.nan), start
    while row > floor and np.isnan(before[np.isnan(block[0])]).any():
        earlier = values[max(floor, row - ROWS) : row]
        found = _filled(earlier, np.full_like(before, np.nan))
        before, row = np.where(np.isnan(before), found[-1], before), row - len(earlier)
    return _filled(block, before)


def _filled(values: np.ndarray, before: np.ndarray) -> np.ndarray:
    """(n, Y) neighbouring rows, in which missing cells repeat the one above; `before` (Y,) stands above the first."""
    return forward_filled(values, np.zeros(1, int), np.zeros(len(values), bool), before[None])
