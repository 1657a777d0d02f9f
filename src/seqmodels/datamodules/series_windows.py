"""The windows of one part of a series table, and their loader."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from seqmodels.datamodules.lanes import Lanes
from seqmodels.datamodules.series_cache import SeriesTable
from seqmodels.datamodules.stream import Window


class Part:
    """Makes the windows of training, validation or test.

    An input that is missing, and all that is padding, is read as the training's mean and leaves the loss; so does a
    step of which a target is missing.
    """

    def __init__(self, table: SeriesTable, lanes: Lanes, horizon: int, fill: np.ndarray) -> None:
        """
        Args:
            table: where the rows lie.
            lanes: how they lie across batches.
            horizon: h; the target of a step is in the row h further on.
            fill: (D,) what a missing input is read as.
        """
        self.table, self.lanes, self.horizon, self.fill = table, lanes, horizon, fill.astype(np.float32)

    def __len__(self) -> int:
        return self.lanes.windows

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
        return Window(*(torch.from_numpy(array) for array in (x, y, reset, counts)))


class FiniteWindows(Dataset[Window]):
    """The rows of one process of windows that come to an end."""

    def __init__(self, window: Callable[[int], Window], rows: slice) -> None:
        self.window, self.rows = window, rows

    def __getitem__(self, i: int) -> Window:
        return Window(*(tensor[self.rows] for tensor in self.window(i)))


class InOrder(Sampler[int]):
    """Window after window, every epoch; the epoch in which a resumed training goes on begins in its middle."""

    def __init__(self, stop: int, epoch: Callable[[], int] | None = None, start: tuple[int, int] = (0, 0)) -> None:
        """
        Args:
            stop: how many windows there are.
            epoch: says which epoch it is when a pass begins; None counts the passes.
            start: epoch and window to begin with.
        """
        self.stop, self.start = stop, start
        self._epoch, self._passes = epoch, 0

    def __len__(self) -> int:
        return self.stop

    def __iter__(self) -> Iterator[int]:
        epoch = self._epoch() if self._epoch else self._passes
        self._passes += 1
        yield from range(self.start[1] if epoch == self.start[0] else 0, self.stop)


def finite_loader(windows: FiniteWindows, order: InOrder, num_workers: int) -> DataLoader[Window]:
    """A DataLoader whose batches are the windows themselves, in order."""
    return DataLoader(
        windows,
        batch_size=None,
        sampler=order,
        collate_fn=_as_it_is,
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
        generator=torch.Generator(),
    )


def _as_it_is(window: Any) -> Any:
    return window
