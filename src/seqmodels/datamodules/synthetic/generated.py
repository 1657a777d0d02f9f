"""Sequences that are made when they are read: sample i of a part is a pure function of the seed, the part and i.

Each part has a sequence of uniform random numbers of its own, and sample i owns K of them:

    train    | sample 0 | sample 1 | sample 2 | ...
    val      | sample 0 | sample 1 | ...               none of them is a training sample
    test     | sample 0 | sample 1 | ...

The numbers are those of SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators"), whose
n-th number is a function of n. So any rows of any part, in any order and in any process, are made in one go.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from seqmodels.datamodules.base import check_at_least
from seqmodels.datamodules.labelled_rows import LabelledRows
from seqmodels.datamodules.loaders import epoch_seed

_PARTS = ("train", "val", "test")

_GAMMA = np.uint64(0x9E3779B97F4A7C15)


class GeneratedSequences(LabelledRows):
    """Sequences of a task, in three parts of fixed size; an epoch reads every training sample once, shuffled.

    Subclasses call `super().__init__` with the numbers that a sample takes, and say in `make` what becomes of them.
    """

    def __init__(
        self,
        numbers: int,
        train_size: int,
        val_size: int,
        test_size: int,
        batch_size: int,
        eval_batch_size: int,
        num_workers: int,
        overfit_batches: int,
        seed: int,
    ) -> None:
        """
        Args:
            numbers: K, random numbers that a sample is made of.
            train_size: samples of an epoch. They take no memory.
            val_size: samples for validation, 0 for none.
            test_size: samples of the test, 0 for none.
            batch_size, eval_batch_size, num_workers, overfit_batches: as in `LabelledRows`.
            seed: of the samples of all parts and of the training order.

        Raises:
            ValueError: an argument is outside its range.
        """
        super().__init__(batch_size, eval_batch_size, num_workers, overfit_batches, seed)
        check_at_least(1, train_size=train_size)
        check_at_least(0, val_size=val_size, test_size=test_size)
        sizes = (train_size, val_size, test_size)
        self._parts = {
            part: GeneratedRows(self, numbers, size, epoch_seed(seed, number))
            for number, (part, size) in enumerate(zip(_PARTS, sizes, strict=True))
        }

    def make(self, u: np.ndarray) -> Any:
        """The batch of B samples.

        Args:
            u: (B, K) float64, uniform in [0, 1); sample b is a function of row b.
        """
        raise NotImplementedError

    def _sizes(self) -> str:
        return ", ".join(f"{len(rows):,} {part}" for part, rows in self._parts.items())


class GeneratedRows(Dataset[Any]):
    """The samples of one part, made a batch at a time."""

    def __init__(self, task: GeneratedSequences, numbers: int, size: int, key: int) -> None:
        """
        Args:
            task: makes samples of numbers.
            numbers: K.
            size: how many samples there are.
            key: where the random numbers of this part begin.
        """
        self.task, self.numbers, self.size, self.key = task, numbers, size, key

    def __len__(self) -> int:
        return self.size

    def __getitems__(self, rows: Tensor) -> Any:
        return self.task.make(uniform(self.key, rows.numpy(), self.numbers))


def uniform(key: int, rows: np.ndarray, numbers: int) -> np.ndarray:
    """(B, K) float64 in [0, 1): row i holds the numbers i K, ..., (i + 1) K - 1 of SplitMix64 seeded with `key`.

    Args:
        key: from 0 to 2^64 - 1.
        rows: (B,) integers i of at least 0.
        numbers: K.
    """
    n = rows.astype(np.uint64)[:, None] * np.uint64(numbers) + np.arange(1, numbers + 1, dtype=np.uint64)
    return (splitmix64(np.uint64(key) + n * _GAMMA) >> np.uint64(11)) * 2.0**-53


def splitmix64(z: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser of uint64, element by element."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def below(n: int, u: np.ndarray) -> Tensor:
    """Whole numbers 0, ..., n - 1, each as likely, from uniform ones in [0, 1)."""
    return torch.from_numpy((u * n).astype(np.int64))
