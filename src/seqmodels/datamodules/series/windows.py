"""The windows of one split of a series table."""

import numpy as np
import torch

from seqmodels.datamodules.series.lanes import Lanes
from seqmodels.datamodules.series.table import SeriesTable
from seqmodels.datamodules.window import Window


class SplitWindows:
    """Makes the windows of training, validation or test.

    An input that is missing, and all that is padding, is read as the training's mean and leaves the loss; so does a
    step of which a target is missing.
    """

    def __init__(self, table: SeriesTable, lanes: Lanes, horizon: int, fill: np.ndarray, numbers: np.ndarray) -> None:
        """
        Args:
            table: where the rows lie.
            lanes: how they lie across batches.
            horizon: h; the target of a step is in the row h further on.
            fill: (D,) what a missing input is read as.
            numbers: what the series of the table are called in `Window.series`.
        """
        self.table, self.lanes, self.horizon, self.numbers = table, lanes, horizon, numbers
        self.fill = fill.astype(np.float32)

    @property
    def count(self) -> int:
        """How many windows an epoch has."""
        return self.lanes.windows

    def rows(self, i: int) -> np.ndarray:
        """(G, T) rows of the table that window i reads; -1 is padding."""
        first, _, stop, _ = self.lanes.at(i)
        steps = first[:, None] + np.arange(self.lanes.window)
        return np.where(steps < stop[:, None], steps, -1)

    def window(self, i: int) -> Window:
        """Window i of all lanes, x (G, T, D), y (G, T, Y); a pure function of i."""
        first, counts_from, stop, reset = self.lanes.at(i)
        steps = first[:, None] + np.arange(self.lanes.window)
        inside = steps < stop[:, None]
        rows = np.where(inside, steps, 0)
        x = self.table.inputs[rows]
        y = self.table.targets[np.where(inside, rows + self.horizon, 0)]
        y[~inside] = np.nan
        known = ~np.isnan(x) & inside[..., None]
        counts = inside & (steps >= counts_from[:, None]) & known.all(-1) & ~np.isnan(y).any(-1)
        x = np.where(known, x, self.fill)
        series = self.numbers[self.table.series_of(first)]
        return Window(*(torch.from_numpy(array) for array in (x, y, reset, counts, series)))
