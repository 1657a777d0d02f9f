"""How often a class is right: of whole sequences, or of their steps."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from seqmodels.datamodules.window import AccuracyBy


class ClassScores(Metric):
    """Counts of what is there and what is found of each class.

    acc_balanced is the mean, over the classes that occur, of how many of a class are found (its recall; Brodersen et
    al. 2010): always naming the largest of C classes gives 1 / C, however large it is.

    acc_scaled, where `chance` is known, is 0 for a guess and 1 where all is right: the accuracy, or where steps are
    scored theirs, less chance, divided by 1 - chance.

    Attributes:
        parts: after `compute`, by range of the edges, `count` and `acc`, NaN where there is nothing.
    """

    full_state_update = False
    loss_sum: Tensor
    occurring: Tensor
    found: Tensor
    scored: Tensor
    scored_found: Tensor
    ranges: Tensor
    ranges_found: Tensor

    def __init__(self, classes: int, chance: float | None = None, edges: Sequence[int] = (), **metric: Any) -> None:
        """
        Args:
            classes: C.
            chance: the accuracy of a guess, below 1.
            edges: ascending; the accuracy is told apart by ranges from one to below the next.
        """
        super().__init__(**metric)
        self.chance, self.parts = chance, dict[str, Tensor]()
        self._edges = torch.tensor(edges)
        ranges = (max(0, len(edges) - 1),)
        shapes = {"loss_sum": (), "occurring": (classes,), "found": (classes,), "scored": (), "scored_found": ()}
        shapes |= {"ranges": ranges, "ranges_found": ranges}
        for name, shape in shapes.items():
            self.add_state(name, torch.zeros(shape, dtype=torch.float64), dist_reduce_fx="sum")

    def update(
        self,
        loss: Tensor,
        predicted: Tensor,
        target: Tensor,
        scored: Tensor | None = None,
        place: Tensor | None = None,
    ) -> None:
        """
        Args:
            loss: of each sample or step, of any shape.
            predicted, target: its class, of the same shape.
            scored: bool, of the same shape, which steps acc_scored is of; None: none.
            place: integers, of the same shape: by which accuracies are told apart, those of scored steps alone where
                there are such; None: none.
        """
        right, classes = predicted == target, target.flatten()
        found = right.flatten().to(self.found)
        self.loss_sum = self.loss_sum + loss.sum(dtype=self.loss_sum.dtype)
        self.occurring = self.occurring.index_add(0, classes, torch.ones_like(found))
        self.found = self.found.index_add(0, classes, found)
        if scored is not None:
            self.scored = self.scored + scored.sum()
            self.scored_found = self.scored_found + (right & scored).sum()
        if place is not None and len(self.ranges):
            number = torch.bucketize(place.contiguous(), self._edges.to(place.device), right=True) - 1
            counts = (number >= 0) & (number < len(self.ranges))
            counts = (counts if scored is None else counts & scored).flatten()
            number = number.flatten().clamp(0, len(self.ranges) - 1)
            self.ranges = self.ranges.index_add(0, number, counts.to(found))
            self.ranges_found = self.ranges_found.index_add(0, number, counts * found)

    def compute(self) -> dict[str, Tensor]:
        """loss, acc, acc_balanced and acc_scored, NaN where no step is scored apart; with a known chance acc_scaled."""
        recall = self.found / self.occurring  # NaN for a class that does not occur
        self.parts = {"count": self.ranges, "acc": self.ranges_found / self.ranges}
        measures = {
            "loss": self.loss_sum / self.occurring.sum(),
            "acc": self.found.sum() / self.occurring.sum(),
            "acc_balanced": recall.nanmean(),
            "acc_scored": self.scored_found / self.scored,
        }
        if self.chance is not None:
            own = torch.where(self.scored > 0, measures["acc_scored"], measures["acc"])
            measures["acc_scaled"] = scaled(own, self.chance)
        return measures


def scaled_measures(chance: float | None) -> tuple[str, ...]:
    """What is measured beside the rest where `chance` is known."""
    return () if chance is None else ("acc_scaled",)


def class_scores(stage: str, classes: int, chance: float | None, accuracy_by: AccuracyBy | None) -> ClassScores:
    """The metric of a stage; it tells the accuracy of the test apart."""
    return ClassScores(classes, chance, accuracy_by.edges if accuracy_by and stage == "test" else ())


def scaled(acc: Tensor, chance: float) -> Tensor:
    """The accuracy as 0 for a guess and 1 for all."""
    return (acc - chance) / (1 - chance)
