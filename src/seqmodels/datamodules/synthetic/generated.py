"""Sequences that are made when they are read: sample i of a split is a pure function of the seed, the split and i.

Each split has a sequence of uniform random numbers of its own, and sample i owns K of them:

    train    | sample 0 | sample 1 | sample 2 | ...
    val      | sample 0 | sample 1 | ...               none of these numbers is one of the training's
    test     | sample 0 | sample 1 | ...

The numbers are those of SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators"), whose
n-th number is a function of n. So any rows of any split, in any order and in any process, are made in one go.
"""

from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from seqmodels.config.ranges import at_least
from seqmodels.datamodules.order import epoch_seed, splitmix64
from seqmodels.datamodules.samples import SampleData

_GAMMA = np.uint64(0x9E3779B97F4A7C15)


class GeneratedData(SampleData):
    """Sequences of a task, in three splits of fixed size; an epoch reads every training sample once, shuffled."""

    def __init__(
        self,
        train_size: int = 100_000,
        val_size: int = 1000,
        test_size: int = 10_000,
        batch_size: int = 50,
        eval_batch_size: int = 100,
        **options: Any,
    ) -> None:
        """
        Args:
            train_size: samples of an epoch. They take no memory.
            val_size: samples for validation, 0 for none.
            test_size: samples of the test, 0 for none.
            batch_size, eval_batch_size, options: as in `SampleData`; the seed is also that of the samples.

        Raises:
            ValueError: an argument is outside its range.
        """
        super().__init__(batch_size, eval_batch_size, **options)
        at_least(1, train_size=train_size)
        at_least(0, val_size=val_size, test_size=test_size)
        sizes = {"train": train_size, "val": val_size, "test": test_size}
        self.splits = {
            split: GeneratedRows(self, split, size, epoch_seed(self.seed, number))
            for number, (split, size) in enumerate(sizes.items())
        }

    @abstractmethod
    def read(self, rows: "GeneratedRows", numbers: np.ndarray) -> Any:
        """The batch of the samples (B,) of a split that have these numbers."""


class GeneratedRows(Dataset[Any]):
    """The samples of one split, made a batch at a time."""

    def __init__(self, task: GeneratedData, split: str, size: int, key: int) -> None:
        """
        Args:
            task: makes samples.
            split: train, val or test.
            size: how many samples there are.
            key: where the random numbers of this split begin.
        """
        self.task, self.split, self.size, self.key = task, split, size, key

    def __len__(self) -> int:
        return self.size

    def __getitems__(self, rows: Tensor) -> Any:
        return self.task.read(self, rows.numpy())


class GeneratedSequences(GeneratedData):
    """Samples that are all alike. Subclasses set `numbers`, and say in `make` what becomes of them.

    Attributes:
        numbers: K, random numbers that a sample is made of.
    """

    numbers: int

    def read(self, rows: GeneratedRows, numbers: np.ndarray) -> Any:
        return self.make(uniform(rows.key, numbers, self.numbers))

    @abstractmethod
    def make(self, u: np.ndarray) -> Any:
        """The batch of B samples.

        Args:
            u: (B, K) float64, uniform in [0, 1); sample b is a function of row b.
        """


class GeneratedKinds(GeneratedData):
    """Samples of several kinds, of different lengths for instance, which each split has equally many of.

    Of N samples and n kinds sample i is of kind i n // N: neighbours in validation and test are as long as each other.
    Subclasses set `kinds` and `numbers`, and say in `make` what becomes of them.

    Attributes:
        kinds: by split, what tells the kinds apart: (n, k) integers.
        numbers: by split K, random numbers that a sample is made of, whatever its kind.
    """

    kinds: dict[str, np.ndarray]
    numbers: dict[str, int]

    def read(self, rows: GeneratedRows, numbers: np.ndarray) -> Any:
        kinds = self.kinds[rows.split]
        u = uniform(rows.key, numbers, self.numbers[rows.split])
        return self.make(u, kinds[numbers * len(kinds) // rows.size])

    @abstractmethod
    def make(self, u: np.ndarray, kinds: np.ndarray) -> Any:
        """The batch of B samples.

        Args:
            u: (B, K) float64, uniform in [0, 1).
            kinds: (B, k), of each sample; sample b is a function of row b of both.
        """


def uniform(key: int, rows: np.ndarray, numbers: int) -> np.ndarray:
    """(B, K) float64 in [0, 1): row i holds the numbers i K, ..., (i + 1) K - 1 of SplitMix64 seeded with `key`.

    Args:
        key: from 0 to 2^64 - 1.
        rows: (B,) integers i of at least 0.
        numbers: K.
    """
    n = rows.astype(np.uint64)[:, None] * np.uint64(numbers) + np.arange(1, numbers + 1, dtype=np.uint64)
    return (splitmix64(np.uint64(key) + n * _GAMMA) >> np.uint64(11)) * 2.0**-53


def below(n: int, u: np.ndarray) -> Tensor:
    """Whole numbers 0, ..., n - 1, each as likely, from uniform ones in [0, 1)."""
    return torch.from_numpy((u * n).astype(np.int64))
