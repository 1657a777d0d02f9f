"""One label at every step of a sequence."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from seqmodels.cores.base import State
from seqmodels.datamodules.window import AccuracyBy, LossSteps
from seqmodels.modules.base import SequenceModule
from seqmodels.modules.metrics.classification import ClassScores, class_scores, scaled_measures

Batch = tuple[Tensor, Tensor, Tensor]
"""x (B, T, D), labels (B, T), and scored (B, T) bool, the steps of `acc_scored`."""

IGNORED = -100
"""The label of a step that has no part in the loss."""


class SequenceLabeller(SequenceModule):
    """Reads a sequence and says at each step what it is; output_size is the number of classes.

    Example:
        logits, state = module(x)              # x (B, T, D), logits (B, T, classes)
        logits, state = module(more, state)    # the same sequences, further on
    """

    task = "labelling"
    train_measures = ("loss", "acc")
    measures: tuple[str, ...] = ("loss", "acc", "acc_balanced", "acc_scored")
    bar_measures = ("acc_scored",)

    def __init__(
        self,
        *parts: Any,
        loss_steps: LossSteps = "all",
        chance: float | None = None,
        accuracy_by: AccuracyBy | None = None,
        **shared: Any,
    ) -> None:
        """
        Args:
            parts, shared: as in `SequenceModule`; output_size is the number of classes.
            loss_steps: whether the loss, and all that is measured, is of all steps or of the scored ones alone.
            chance: the accuracy of a guess; None measures no acc_scaled.
            accuracy_by: what the accuracy of the test's scored steps is told apart by.
        """
        super().__init__(*parts, **shared)
        self.scored_only = loss_steps == "scored"
        self.chance, self.accuracy_by = chance, accuracy_by
        self.measures += scaled_measures(chance)

    def forward(
        self, x: Tensor, state: State | None = None, reset: Tensor | None = None, dt: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """
        Args:
            x: (B, T, D) in physical units.
            state: carried from earlier steps of the same sequences; None starts anew.
            reset, dt: (B, T), where sequences begin anew and the time since the step before, as in `Core`.

        Returns:
            logits (B, T, classes), and the state after step T.
        """
        y, state = self.core(self.normalized(x), state, reset, dt)
        return self.read_out(y, x), state

    def training_step(self, batch: Batch) -> Tensor:
        loss, logits = self.computed(batch)
        if self.logs_this_step:
            right = (logits.argmax(-1) == batch[1]).float()
            acc = (right * batch[2]).sum() / batch[2].sum() if self.scored_only else right.mean()
            self.log_step(loss=loss.detach(), acc=acc)
        return loss

    def compute(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The loss, and the logits (B, T, classes)."""
        logits, _ = self(batch[0])
        return self._loss(logits, batch), logits

    def judge(self, y: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """The same, of what the core said of the batch, y (B, T, H)."""
        logits = self.read_out(y, batch[0])
        return self._loss(logits, batch), logits

    def _loss(self, logits: Tensor, batch: Batch) -> Tensor:
        _, labels, scored = batch
        labels = labels.masked_fill(~scored, IGNORED) if self.scored_only else labels
        return F.cross_entropy(logits.mT, labels, ignore_index=IGNORED)

    def predict_step(self, batch: Batch) -> Tensor:
        """(B, T, classes) probabilities."""
        return self(batch[0])[0].softmax(-1)

    def metric(self, stage: str) -> ClassScores:
        return class_scores(stage, self.head.out_features, self.chance, self.accuracy_by)

    def evaluate(self, stage: str, batch: Batch, number: int) -> dict[str, Tensor]:
        x, labels, scored = batch
        logits, _ = self(x)
        predicted = logits.argmax(-1)
        measured = F.cross_entropy(logits.mT, labels, reduction="none"), predicted, labels, scored, self._place(scored)
        if self.scored_only:
            measured = tuple(values[scored] for values in measured)  # type: ignore[assignment]
        self.metrics[stage].update(*measured)
        return {"labels": predicted}

    def _place(self, scored: Tensor) -> Tensor:
        """(B, T) integers by which accuracies are told apart."""
        if self.accuracy_by is not None and self.accuracy_by.axis == "pairs":
            return scored.sum(1, keepdim=True).expand_as(scored)
        return torch.arange(1, scored.shape[1] + 1, device=scored.device).expand_as(scored)
