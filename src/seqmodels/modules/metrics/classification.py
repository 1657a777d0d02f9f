"""How often a class is right: of whole sequences, or of their steps."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric


class ClassScores(Metric):
    """Counts of what is there and what is found of each class.

    acc_balanced is the mean, over the classes that occur, of how many of a class are found (its recall; Brodersen et
    al. 2010): always naming the largest of C classes gives 1 / C, however large it is.
    """

    full_state_update = False
    loss_sum: Tensor
    occurring: Tensor
    found: Tensor
    scored: Tensor
    scored_found: Tensor

    def __init__(self, classes: int, **metric: Any) -> None:
        """
        Args:
            classes: C.
        """
        super().__init__(**metric)
        shapes = {"loss_sum": (), "occurring": (classes,), "found": (classes,), "scored": (), "scored_found": ()}
        for name, shape in shapes.items():
            self.add_state(name, torch.zeros(shape, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, loss: Tensor, predicted: Tensor, target: Tensor, scored: Tensor | None = None) -> None:
        """
        Args:
            loss: of each sample or step, of any shape.
            predicted, target: its class, of the same shape.
            scored: bool, of the same shape, which steps acc_scored is of; None: none.
        """
        right, classes = predicted == target, target.flatten()
        found = right.flatten().to(self.found)
        self.loss_sum = self.loss_sum + loss.sum(dtype=self.loss_sum.dtype)
        self.occurring = self.occurring.index_add(0, classes, torch.ones_like(found))
        self.found = self.found.index_add(0, classes, found)
        if scored is not None:
            self.scored = self.scored + scored.sum()
            self.scored_found = self.scored_found + (right & scored).sum()

    def compute(self) -> dict[str, Tensor]:
        """loss, acc, acc_balanced and acc_scored, which is NaN where no step is scored apart."""
        recall = self.found / self.occurring  # NaN for a class that does not occur
        return {
            "loss": self.loss_sum / self.occurring.sum(),
            "acc": self.found.sum() / self.occurring.sum(),
            "acc_balanced": recall.nanmean(),
            "acc_scored": self.scored_found / self.scored,
        }
