"""Loaders: which rows or windows come when, for any number of processes.

Rows of tensors in memory, shuffled or in order. A batch is one vectorised index, not B Python calls:

    epoch e:  order = f(seed, e)       3 1 4 0 5 2 7 6
              global batches of 4     [3 1 4 0][5 2 7 6]
              rank 0 of 2              3 1      5 2
              rank 1 of 2                  4 0      7 6

Windows of streams, in order. `window(i)` is a pure function of i, so any number of workers gives the same batches:

    stream 0   | 0 1 2 3 | 4 5 6 7 | 8 9 ...      row b of every batch is stream b, for ever;
    stream 1   | 0 1 2 3 | 4 5 6 7 | 8 9 ...      batch i is window i of all streams
               window 0    window 1

Worker w of W makes windows w, w + W, w + 2 W, ..., and the loader takes from the workers in turn.
"""

import math
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from seqmodels.datamodules.window import Window


class Passes:
    """Says of each pass over a training loader which epoch it is, and with which batch it begins."""

    def __init__(self, start: tuple[int, int] = (0, 0), epoch: Callable[[], int] | None = None) -> None:
        """
        Args:
            start: epoch and batch where the training begins; that epoch's earlier batches are left out.
            epoch: says which epoch it is when a pass begins; None counts the passes. A loader begins a pass more often
                than an epoch begins, so whoever counts epochs had better be asked.
        """
        self.start = start
        self._epoch = epoch or count(start[0]).__next__

    def begin(self) -> tuple[int, int]:
        """The epoch of a new pass, and its first batch."""
        epoch = self._epoch()
        return epoch, self.start[1] if epoch == self.start[0] else 0


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


class ShuffledBatches(Sampler[Tensor]):
    """The training order: every row once an epoch, in an order that depends on the seed and the epoch only.

    The last batch of an epoch may be smaller. With several ranks each takes its share of every batch; up to
    `ranks - 1` rows that cannot be shared equally are left out of that epoch, so that no rank waits for another.
    """

    def __init__(
        self,
        rows: int,
        batch_size: int,
        seed: int,
        rank: int = 0,
        ranks: int = 1,
        limit: int | None = None,
        passes: Passes | None = None,
        device: torch.device | None = None,
    ) -> None:
        """
        Args:
            rows: N, in the dataset.
            batch_size: rows of a global batch, over all ranks.
            seed: of the order.
            rank: this process, of `ranks`.
            ranks: how many processes share each batch.
            limit: keep the first `limit` batches of epoch 0 and give these again and again.
            passes: which epochs these are; None begins with epoch 0.
            device: where the indices shall lie; they go there once an epoch.
        """
        self.rows, self.batch_size, self.seed = rows, batch_size, seed
        self.rank, self.ranks, self.limit = rank, ranks, limit
        self.passes, self.device = passes or Passes(), device

    def __len__(self) -> int:
        batches = math.ceil(self.rows // self.ranks * self.ranks / self.batch_size)
        return batches if self.limit is None else min(self.limit, batches)

    def __iter__(self) -> Iterator[Tensor]:
        epoch, first = self.passes.begin()
        generator = torch.Generator().manual_seed(epoch_seed(self.seed, epoch if self.limit is None else 0))
        order = torch.randperm(self.rows, generator=generator)[: self.rows // self.ranks * self.ranks]
        for batch in order.to(self.device).split(self.batch_size)[first : len(self)]:
            yield batch.tensor_split(self.ranks)[self.rank]


class OrderedBatches(Sampler[Tensor]):
    """The evaluation order: every row once, first to last, in batches of nearly equal size."""

    def __init__(
        self, rows: int, batch_size: int, rank: int = 0, ranks: int = 1, device: torch.device | None = None
    ) -> None:
        """Arguments as in `ShuffledBatches`."""
        self.rows, self.batches = rows, math.ceil(rows / batch_size)
        self.rank, self.ranks, self.device = rank, ranks, device

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[Tensor]:
        for batch in torch.arange(self.rows, device=self.device).tensor_split(self.batches):
            yield batch.tensor_split(self.ranks)[self.rank]


def epoch_seed(seed: int, epoch: int) -> int:
    """One seed from two, far apart for neighbouring epochs and seeds (the finaliser of SplitMix64, Steele 2014)."""
    mask = 2**64 - 1
    z = (seed * 0x9E3779B97F4A7C15 + (epoch + 1) * 0xD1B54A32D192ED03) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return (z ^ (z >> 31)) >> 1


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
        return Window(*(tensor[self.rows] for tensor in self.windows.window(i)))


class InOrder(Sampler[int]):
    """Window after window, every pass; the epoch in which a training goes on begins in its middle."""

    def __init__(self, stop: int | None, passes: Passes | None = None) -> None:
        """
        Args:
            stop: how many windows there are; None if they never end.
            passes: which epochs these are; None begins with epoch 0.
        """
        self.stop, self.passes = stop, passes or Passes()

    def __len__(self) -> int:
        if self.stop is None:
            raise TypeError("windows that never end have no number")
        return self.stop

    def __iter__(self) -> Iterator[int]:
        _, first = self.passes.begin()
        yield from count(first) if self.stop is None else range(first, self.stop)


def window_loader(windows: OwnRows, order: InOrder, num_workers: int) -> DataLoader[Window]:
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
        generator=torch.Generator(),
    )


def _as_it_is(batch: Any) -> Any:
    return batch
