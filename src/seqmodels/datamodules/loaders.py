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
"""

import math
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, Sampler, get_worker_info

from seqmodels.datamodules.window import Window


class Windows(IterableDataset[Window]):
    """The windows of a source from `start` on, shared among W workers: worker w makes start + w, start + w + W, ..."""

    def __init__(self, window: Callable[[int], Window], stop: int | None, rows: slice, start: int = 0) -> None:
        """
        Args:
            window: makes window i of all streams.
            stop: how many windows there are; None means endless.
            rows: the streams that this process owns.
            start: the window to begin with.
        """
        self.window, self.stop, self.rows, self.start = window, stop, rows, start

    def __iter__(self) -> Iterator[Window]:
        worker = get_worker_info()
        first, stride = (self.start + worker.id, worker.num_workers) if worker else (self.start, 1)
        indices = count(first, stride) if self.stop is None else range(first, self.stop, stride)
        return (Window(*(tensor[self.rows] for tensor in self.window(i))) for i in indices)


class WindowLoader(DataLoader[Window]):
    """Begins its first pass over `Windows` at their `start`, where a resumed epoch goes on, and later ones at 0."""

    def __iter__(self) -> Any:
        windows = super().__iter__()  # workers have their copies of the dataset now
        self.dataset.start = 0  # type: ignore[attr-defined]
        return windows


def window_loader(windows: Windows, num_workers: int) -> DataLoader[Window]:
    """A DataLoader whose batches are the windows themselves, in order."""
    return WindowLoader(
        windows, batch_size=None, collate_fn=_as_it_is, num_workers=num_workers, generator=torch.Generator()
    )


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
        epoch: Callable[[], int] | None = None,
        start: tuple[int, int] = (0, 0),
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
            epoch: says which epoch it is when a pass begins; None counts the passes. A loader begins a pass more often
                than an epoch begins, so whoever counts epochs had better be asked.
            start: epoch and batch where a resumed training goes on; earlier batches of that epoch are left out.
            device: where the indices shall lie; they go there once an epoch.
        """
        self.rows, self.batch_size, self.seed = rows, batch_size, seed
        self.rank, self.ranks, self.limit = rank, ranks, limit
        self.start = start
        self.device = device
        self._epoch = epoch
        self._passes = 0

    def __len__(self) -> int:
        batches = math.ceil(self.rows // self.ranks * self.ranks / self.batch_size)
        return batches if self.limit is None else min(self.limit, batches)

    def __iter__(self) -> Iterator[Tensor]:
        epoch = self._epoch() if self._epoch else self._passes
        self._passes += 1
        generator = torch.Generator().manual_seed(epoch_seed(self.seed, epoch if self.limit is None else 0))
        order = torch.randperm(self.rows, generator=generator)[: self.rows // self.ranks * self.ranks]
        first = self.start[1] if epoch == self.start[0] else 0
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
    """A DataLoader that hands the sampler's indices to the dataset whole and leaves the global generator alone."""
    return DataLoader(
        data,
        batch_sampler=batches,  # type: ignore[arg-type]  # a tensor of indices serves as well as a list
        collate_fn=_as_it_is,
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
        generator=torch.Generator(),
    )


def _as_it_is(batch: Any) -> Any:
    return batch


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
