"""Metrics of several targets, each in a unit of its own, so that one mean says something about all of them."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import MeanAbsoluteError, MeanSquaredError, R2Score


class MeanAbsoluteScaledError(MeanAbsoluteError):
    """MASE (Hyndman & Koehler 2006, equation 3): below 1 beats the naive forecast on the training data."""

    scale: Tensor

    def __init__(self, scale: Sequence[float], **metric: Any) -> None:
        """
        Args:
            scale: (Y,) mean absolute error of the naive forecast of each target in the training data.
        """
        super().__init__(**metric)
        self.register_buffer("scale", torch.tensor(scale), persistent=False)

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Add (N, Y) predictions and targets."""
        super().update((preds / self.scale).flatten(), (target / self.scale).flatten())


class NormalizedMeanSquaredError(MeanSquaredError):
    """Mean squared error of normalised targets: the loss of the training."""

    std: Tensor

    def __init__(self, std: float | Sequence[float], **metric: Any) -> None:
        """
        Args:
            std: standard deviation of each target, (Y,), or of all.
        """
        super().__init__(**metric)
        self.register_buffer("std", torch.tensor(std), persistent=False)

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Add (N, Y) predictions and targets."""
        super().update((preds / self.std).flatten(), (target / self.std).flatten())


class R2OfStage(R2Score):
    """R², mean over the targets; it says what to do where too few steps count for it, those of all processes."""

    total: Tensor

    def __init__(self, stage: str, **metric: Any) -> None:
        """
        Args:
            stage: val or test.
        """
        super().__init__(**metric)
        self.stage = stage

    def compute(self) -> Tensor:
        """
        Raises:
            ValueError: fewer than 2 steps count.
        """
        if self.total < 2:
            raise ValueError(
                f"burn_in and the mask of the data leave {int(self.total)} steps to measure {self.stage}/r2, which "
                f"needs 2; give more data for {self.stage} (datamodule.{self.stage}_fraction, "
                f"datamodule.{self.stage}_windows or datamodule.{self.stage}_size), a shorter module.burn_in, or a "
                f"higher trainer.limit_{self.stage}_batches"
            )
        return super().compute()
