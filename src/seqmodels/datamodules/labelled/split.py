"""Which sequences train, validate and test: by whole sequences, each class in its share."""

import numpy as np
import torch


def split_by_class(classes: list[str], val_fraction: float, test_fraction: float, seed: int) -> dict[str, np.ndarray]:
    """Numbers of the sequences of each part, in order; every class keeps at least one for training.

    Shuffled within their classes and laid end to end, the sequences are taken at even distances:

        a a a a a a b b b b b b b b b       of 15, less the first of each class, 4 are taken, and of these
        . . x . . x . . . x . . . x .       every other one is for the test

    Args:
        classes: of each sequence.
        val_fraction, test_fraction: of all sequences; a part that is wanted gets at least one.
        seed: of the shuffle; the split depends on it and on the order of the sequences only.

    Raises:
        ValueError: that leaves too few to train on.
    """
    count = len(classes)
    test = max(1, round(test_fraction * count)) if test_fraction else 0
    val = max(1, round(val_fraction * count)) if val_fraction else 0
    shuffled = torch.randperm(count, generator=torch.Generator().manual_seed(seed)).tolist()
    by_class: dict[str, list[int]] = {name: [] for name in sorted(set(classes))}
    for number in shuffled:
        by_class[classes[number]].append(number)
    free = np.array([number for numbers in by_class.values() for number in numbers[1:]], np.int64)
    if val + test > len(free):
        raise ValueError(
            f"val_fraction={val_fraction} and test_fraction={test_fraction} take {val + test} of {count} sequences, "
            f"but each of the {len(by_class)} classes keeps one to train on; give smaller ones, or test_files=[...]"
        )
    taken = free[_evenly(len(free), val + test)]
    for_test = np.zeros(len(taken), bool)
    for_test[_evenly(len(taken), test)] = True
    parts = {"val": np.sort(taken[~for_test]), "test": np.sort(taken[for_test])}
    return {"train": np.setdiff1d(np.arange(count), taken), **parts}


def _evenly(count: int, wanted: int) -> np.ndarray:
    """`wanted` of the numbers below `count`, at even distances."""
    return ((np.arange(wanted) + 0.5) * count / max(wanted, 1)).astype(np.int64)
