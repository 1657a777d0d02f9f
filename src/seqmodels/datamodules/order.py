"""Which rows or windows come when, for any number of processes.

Rows, shuffled once an epoch and shared by the processes batch by batch:

    epoch e:  order = f(seed, e)       3 1 4 0 5 2 7 6
              global batches of 4     [3 1 4 0][5 2 7 6]
              rank 0 of 2              3 1      5 2
              rank 1 of 2                  4 0      7 6

Windows come in order, and a process has its rows of each.
"""

import math
from collections.abc import Callable, Iterator
from itertools import count

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Sampler


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


def epoch_seed(seed: int, epoch: int) -> int:
    """One seed from two, far apart for neighbouring epochs and seeds."""
    z = (seed * 0x9E3779B97F4A7C15 + (epoch + 1) * 0xD1B54A32D192ED03) % 2**64
    return int(splitmix64(np.array([z], np.uint64))[0]) >> 1


def splitmix64(z: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser of uint64, element by element (Steele, Lea & Flood 2014)."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
