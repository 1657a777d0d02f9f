"""The windows of one split of a series table."""

import numpy as np
import torch

from seqmodels.datamodules.series.lanes import Lanes
from seqmodels.datamodules.series.packing import PackedLanes
from seqmodels.datamodules.series.table import SeriesTable
from seqmodels.datamodules.window import NOTHING, Window


class SplitWindows:
    """Makes the windows of training, validation or test.

    An input that is missing, and all that is padding, is read as the training's mean and leaves the loss; so does a
    step of which a target is missing.
    """

    def __init__(
        self,
        table: SeriesTable,
        lanes: Lanes | PackedLanes,
        horizon: int,
        fill: np.ndarray,
        numbers: np.ndarray,
        time_unit: float | None,
    ) -> None:
        """
        Args:
            table: where the rows lie.
            lanes: how they lie across batches.
            horizon: h; the target of a step is in the row h further on.
            fill: (D,) what a missing input is read as.
            numbers: what the series of the table are called in `Window.series`.
            time_unit: a `dt` of 1, in the unit of the table's times, of dates in nanoseconds; None hands no time on.
        """
        self.time_unit = time_unit
        self.table, self.lanes, self.horizon, self.numbers = table, lanes, horizon, numbers
        self.fill = fill.astype(np.float32)

    @property
    def count(self) -> int:
        """How many windows an epoch has."""
        return self.lanes.windows

    def rows(self, i: int) -> np.ndarray:
        """(G, T) rows of the table that window i reads; -1 is padding."""
        return self.lanes.at(i).rows

    def window(self, i: int) -> Window:
        """Window i of all lanes, x (G, T, D), y (G, T, Y); a pure function of i."""
        rows, counts, starts = self.lanes.at(i)
        inside, packed = rows >= 0, isinstance(self.lanes, PackedLanes)
        rows = np.where(inside, rows, 0)
        x = self.table.inputs[rows]
        y = self.table.targets[np.where(inside, rows + self.horizon, 0)]
        y[~inside] = np.nan
        known = ~np.isnan(x) & inside[..., None]
        counts &= known.all(-1) & ~np.isnan(y).any(-1)
        x = np.where(known, x, self.fill)
        series = self.numbers[self.table.series_of(rows if packed else rows[:, 0])]
        window = Window(*(torch.from_numpy(array) for array in (x, y, starts[:, 0].copy(), counts, series)))
        if not packed and self.time_unit is None:
            return window
        dt = NOTHING if self.time_unit is None else torch.from_numpy(self._dt(rows, starts | ~inside))
        starts[:, 0] = False
        return window._replace(step_reset=torch.from_numpy(starts) if packed else NOTHING, dt=dt)

    def _dt(self, rows: np.ndarray, first: np.ndarray) -> np.ndarray:
        """(G, T) float32; 1 at steps that are the first of a stream, or padding."""
        times = self.table.times
        assert times is not None
        passed = (times[rows] - times[np.maximum(rows - 1, 0)]).astype(np.float64)  # of dates, nanoseconds
        return np.where(first, 1, passed / self.time_unit).astype(np.float32)
