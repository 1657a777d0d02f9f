"""One label for a whole sequence."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqmodels.config.ranges import above, between, one_of, probability, written
from seqmodels.cores.base import State
from seqmodels.datamodules.window import AccuracyBy
from seqmodels.modules.base import SequenceModule
from seqmodels.modules.metrics.classification import ClassScores, class_scores, scaled_measures

Readout = Literal["last", "mean"]
ClassWeights = Literal["balanced"] | Sequence[float] | None
Batch = tuple[Tensor, Tensor] | tuple[Tensor, Tensor, Tensor] | tuple[Tensor, Tensor, Tensor, Tensor]
"""x (B, T, D), labels (B,), and, where sequences differ, lengths (B,): the rest of a row is padding on the right.
Behind them, where the core is told the time since the step before, dt (B, T)."""


class SequenceClassifier(SequenceModule):
    """Reads a sequence and says what it was.

    Example:
        logits, state = module(x)          # x (B, T, D), logits (B, classes)
    """

    task = "classification"
    train_measures = ("loss", "acc")
    measures: tuple[str, ...] = ("loss", "acc", "acc_balanced")
    bar_measures = ("acc",)
    class_weights: Tensor | None

    def __init__(
        self,
        *parts: Any,
        readout: Readout = "last",
        dropout: float = 0.0,
        label_smoothing: float = 0.0,
        class_weights: ClassWeights = None,
        class_counts: Sequence[int] | None = None,
        chance: float | None = None,
        accuracy_by: AccuracyBy | None = None,
        **shared: Any,
    ) -> None:
        """
        Args:
            parts, shared: as in `SequenceModule`; output_size is the number of classes.
            readout: what the head reads: the output at the last valid step, or its mean over the valid steps.
            dropout: probability of dropping an input of the head, in [0, 1).
            label_smoothing: of the cross entropy, in [0, 1] (Szegedy et al. 2016).
            class_weights: what a sample of each class counts in the training's loss: (C,) numbers, or `balanced`, by
                which rare classes together count as much as frequent ones: N / (C class_counts) (King & Zeng 2001).
                Losses of validation and test stay as they are.
            class_counts: (C,) training samples of each class.
            chance: the accuracy of a guess; None measures no acc_scaled.
            accuracy_by: what the accuracy of the test is told apart by.

        Raises:
            ValueError: an argument is outside its range.
        """
        super().__init__(*parts, **shared)
        one_of(Readout, readout=readout)
        probability(dropout=dropout)
        between(0, 1, label_smoothing=label_smoothing)
        self.chance, self.accuracy_by = chance, accuracy_by
        self.measures += scaled_measures(chance)
        self.readout = readout
        self.dropout = nn.Dropout(dropout)
        self.label_smoothing = label_smoothing
        weights = weights_of(class_weights, class_counts, self.head.out_features)
        self.register_buffer("class_weights", weights, persistent=False)

    def forward(
        self, x: Tensor, state: State | None = None, lengths: Tensor | None = None, dt: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """
        Args:
            x: (B, T, D) in physical units.
            state: carried from earlier steps of the same sequences; None starts anew.
            lengths: (B,) valid steps of each row, from 1 to T; None means T.
            dt: (B, T) the time since the step before, as in `Core`.

        Returns:
            logits (B, classes), and the state after step T. Of no steps at all, T = 0, the logits are NaN.
        """
        y, state = self.core(self.normalized(x), state, None, dt)
        return self._logits(y, x, lengths), state

    def training_step(self, batch: Batch) -> Tensor:
        loss, logits = self.computed(batch)
        if self.logs_this_step:
            self.log_step(loss=loss.detach(), acc=(logits.argmax(-1) == batch[1]).float().mean())
        return loss

    def compute(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The loss, and the logits (B, classes)."""
        logits, target = self._classify(batch)
        return self._loss(logits, target), logits

    def judge(self, y: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """The same, of what the core said of the batch, y (B, T, H)."""
        x, target, *lengths = batch
        logits = self._logits(y, x, lengths[0] if lengths else None)
        return self._loss(logits, target), logits

    def _logits(self, y: Tensor, x: Tensor, lengths: Tensor | None) -> Tensor:
        return self.read_out(self.dropout(read_out(y, self.readout, lengths)), x)

    def _loss(self, logits: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(logits, target, self.class_weights, label_smoothing=self.label_smoothing)

    def predict_step(self, batch: Batch) -> Tensor:
        """(B, classes) probabilities."""
        return self._classify(batch)[0].softmax(-1)

    def _classify(self, batch: Batch) -> tuple[Tensor, Tensor]:
        x, target, *told = batch
        logits, _ = self(x, **dict(zip(("lengths", "dt"), told, strict=False)))
        return logits, target

    def metric(self, stage: str) -> ClassScores:
        return class_scores(stage, self.head.out_features, self.chance, self.accuracy_by)

    def evaluate(self, stage: str, batch: Batch, number: int) -> dict[str, Tensor]:
        logits, target = self._classify(batch)
        loss, predicted = F.cross_entropy(logits, target, reduction="none"), logits.argmax(-1)
        lengths = batch[2] if len(batch) > 2 else torch.full_like(target, batch[0].shape[1])
        self.metrics[stage].update(loss, predicted, target, place=lengths)
        return {"logits": logits, "target": target}


def weights_of(class_weights: ClassWeights, counts: Sequence[int] | None, classes: int) -> Tensor | None:
    """(C,) weights of the loss, as in `SequenceClassifier`; None leaves it.

    Raises:
        ValueError: they do not fit the classes.
    """
    if class_weights is None:
        return None
    if class_weights == "balanced":
        if counts is None:
            raise ValueError(
                "class_weights=balanced, but this data does not tell how many samples of each class it has; give a "
                f"number for each of the {classes} classes, class_weights=[1,...]"
            )
        return torch.tensor([sum(counts) / (classes * max(count, 1)) for count in counts])
    if isinstance(class_weights, str) or len(class_weights) != classes:
        raise ValueError(
            f"class_weights={written(class_weights)} is not known; choose balanced, null or a list of {classes} "
            f"numbers, one for each class"
        )
    for weight in class_weights:
        above(0, class_weights=weight)
    return torch.tensor([float(weight) for weight in class_weights])


def read_out(y: Tensor, readout: Readout, lengths: Tensor | None = None) -> Tensor:
    """The (B, H) summary of (B, T, H) outputs: the last valid step, or the mean over the valid steps; NaN of none."""
    if not y.shape[1]:
        return y.new_full((len(y), y.shape[2]), torch.nan)
    if lengths is None:
        return y[:, -1] if readout == "last" else y.mean(1)
    if readout == "last":
        return y[torch.arange(len(y), device=y.device), lengths - 1]
    valid = torch.arange(y.shape[1], device=y.device) < lengths[:, None]
    return torch.where(valid[..., None], y, 0).sum(1) / lengths[:, None]
