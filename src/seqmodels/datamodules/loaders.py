"""Loaders of rows and of windows, which give the same batches on any number of workers.

A batch of rows is one vectorised index, not B Python calls. Windows are pure functions of their number:

    stream 0   | 0 1 2 3 | 4 5 6 7 | 8 9 ...      row b of every batch is stream b, for ever;
    stream 1   | 0 1 2 3 | 4 5 6 7 | 8 9 ...      batch i is window i of all streams
               window 0    window 1

Worker w of W makes windows w, w + W, w + 2 W, ..., and the loader takes from the workers in turn.
"""

from typing import Any, Protocol, TypeVar

import torch
from lightning.fabric.utilities.seed import pl_worker_init_function
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from seqmodels.datamodules.window import Window
from seqmodels.system.signals import obey_parent_alone

Batch = TypeVar("Batch")


class TensorRows(Dataset[tuple[Tensor, Tensor]]):
    """Rows of two tensors, (N, ...) and (N,), fetched a batch at a time."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.x, self.y = x, y

    def __len__(self) -> int:
        return len(self.y)

    def __getitems__(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return self.x[rows], self.y[rows]

    @property
    def device(self) -> torch.device:
        """Where the rows lie, and indices had better lie too."""
        return self.x.device

    def to(self, device: torch.device) -> "TensorRows":
        """The rows on a device; where they are there already, the same memory."""
        return TensorRows(self.x.to(device), self.y.to(device))


def batch_loader(data: Dataset[Batch], batches: Sampler[Tensor], num_workers: int) -> DataLoader[Batch]:
    """A DataLoader that hands the sampler's indices to the dataset whole."""
    return _loader(data, num_workers, batch_sampler=batches)


class Windows(Protocol):
    """What is read window by window.

    Attributes:
        count: how many windows there are; None if they never end.
    """

    @property
    def count(self) -> int | None: ...

    def window(self, i: int) -> Window:
        """Window i of all streams, a pure function of i."""


class OwnRows(Dataset[Window]):
    """The streams of one process, of windows that all are made of."""

    def __init__(self, windows: Windows, rows: slice) -> None:
        self.windows, self.rows = windows, rows

    def __getitem__(self, i: int) -> Window:
        window = self.windows.window(i)
        if self.rows == slice(0, len(window.x)):
            return window
        return Window(*(tensor[self.rows] for tensor in window))


def window_loader(windows: OwnRows, order: Sampler[int], num_workers: int) -> DataLoader[Window]:
    """A DataLoader whose batches are the windows themselves."""
    return _loader(windows, num_workers, batch_size=None, sampler=order)


def _loader(data: Dataset[Batch], num_workers: int, **order: Any) -> DataLoader[Batch]:
    """One that leaves the global generator alone, and whose workers stay from pass to pass."""
    return DataLoader(
        data,
        **order,
        num_workers=num_workers,
        collate_fn=_as_it_is,
        persistent_workers=num_workers > 0,
        worker_init_fn=_begin_worker,
        generator=torch.Generator(),
    )


def _begin_worker(worker: int) -> None:
    """It works until the run ends it, whatever signals the run's whole process group gets."""
    obey_parent_alone()
    pl_worker_init_function(worker)  # which Lightning gives to a loader that has no other


def _as_it_is(batch: Any) -> Any:
    return batch
