"""The guess that costs nothing: always the class that is the most frequent in training."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def majority(class_counts: Sequence[int], labels: Tensor) -> dict[str, Any]:
    """Baselines of a test: `{"majority": {"acc": 0.95, "acc_balanced": 0.5}}`; empty without a test.

    Args:
        class_counts: of the training, C.
        labels: (N,) of the test.
    """
    if not len(labels):
        return {}
    guess = max(range(len(class_counts)), key=lambda number: class_counts[number])
    occurring = torch.bincount(labels) > 0
    found = float(guess < len(occurring) and occurring[guess])
    return {"majority": {"acc": float((labels == guess).double().mean()), "acc_balanced": found / int(occurring.sum())}}
