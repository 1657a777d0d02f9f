"""Forecasts that cost nothing, over exactly the steps that a test counts: what a model has to beat.

naive            y^(t+h) = y(t)
seasonal naive   y^(t+h) = y(t + h - m ceil(h / m)), m the season

Where that value is missing the last one known before it stands in. A forecast that would need a row before the signal's
first is the naive one, and where nothing is known yet the training's mean.
"""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seqmodels.datamodules.missing import forward_filled
from seqmodels.datamodules.series.lanes import Segment
from seqmodels.datamodules.series.statistics import ROWS
from seqmodels.datamodules.series.table import SeriesTable
from seqmodels.datamodules.window import Series


class Baseline(NamedTuple):
    """Errors of one forecast, (S, Y); NaN for a series that has no step in the test.

    Attributes:
        mae: mean absolute error.
        mase: the same in the scale of each series (Hyndman & Koehler 2006); None where no series has one.
    """

    mae: np.ndarray
    mase: np.ndarray | None

    def parts(self) -> dict[str, np.ndarray]:
        """Its measures by their names."""
        return {"mae": self.mae} | ({} if self.mase is None else {"mase": self.mase})

    def means(self) -> dict[str, float]:
        """Means over the targets of each series, then over the series; NaN has no part in it."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a mean of nothing is NaN
            return {name: float(np.nanmean(np.nanmean(values, 1))) for name, values in self.parts().items()}


def baselines(
    table: SeriesTable,
    segments: Sequence[Segment],
    horizon: int,
    season: int,
    target_mean: Sequence[float],
    series: Series,
    numbers: np.ndarray,
) -> dict[str, Baseline]:
    """`{"naive": ...}`, with a season above 1 also "seasonal_naive"; empty where no step counts.

    Args:
        table: of the test.
        segments: its steps.
        horizon: h, at least 1.
        season: m.
        target_mean: (Y,) of the training.
        series: S, with the scale of MASE.
        numbers: which of them those of the table are.
    """
    shifts = {"naive": 0}
    if season > 1:
        shifts["seasonal_naive"] = horizon - season * -(-horizon // season)
    sums = {name: np.zeros((len(series.names), table.targets.shape[1])) for name in shifts}
    count = np.zeros((len(series.names), 1))
    for segment in segments:
        number = numbers[table.series_of(np.array(segment.start))]
        for first in range(segment.start, segment.stop, ROWS):
            steps = np.arange(first, min(first + ROWS, segment.stop))
            y = table.targets[steps + horizon].astype(np.float64)
            counts = ~(np.isnan(table.inputs[steps]).any(1) | np.isnan(y).any(1))
            count[number] += counts.sum()
            low = max(segment.floor, first + min(shifts.values()))
            known = last_known(table.targets, segment.floor, low, int(steps[-1]) + 1)
            for name, shift in shifts.items():
                source = np.where(steps + shift < segment.floor, steps, steps + shift)
                forecast = known[source - low]
                forecast = np.where(np.isnan(forecast), target_mean, forecast)
                sums[name][number] += np.abs(forecast - y)[counts].sum(0)
    if not count.any():
        return {}
    scale = None if series.scale is None else np.array(series.scale, dtype=np.float64)
    found = {}
    for name, total in sums.items():
        mae = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
        found[name] = Baseline(mae, None if scale is None else mae / scale)
    return found


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
