"""Truncated back-propagation through time over streams that never end (Williams & Peng 1990).

window 0        window 1        window 2
[ o o o o ] --> [ o o o o ] --> [ o o o o ] --> ...     forward: the state is carried on
[ <- <- < ]     [ <- <- < ]     [ <- <- < ]             backward: stops at the window's start
  update          update          update
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import MeanAbsoluteError, MeanSquaredError, MetricCollection, R2Score

from seqmodels.cores.base import Core, State, batch_size, detach
from seqmodels.datamodules.stream import Window
from seqmodels.modules.base import HeadInit, SequenceModule


class StreamRegressor(SequenceModule):
    """Predicts a target at every step of a stream; one window is one optimiser step.

    Training, validation, test and prediction each carry a state of their own.

    Example:
        y, state = module(x)               # x (B, T, D), y (B, T, Y)
        y, state = module(more, state)     # the same streams, further on
    """

    task = "regression"

    def __init__(
        self,
        core: Callable[..., Core],
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        input_size: int,
        output_size: int,
        scheduler: Callable[[Optimizer, int], LRScheduler] | None = None,
        input_stats: tuple[float, float] | None = None,
        carry: bool = True,
        head_init: HeadInit = "torch",
    ) -> None:
        """
        Args:
            core, optimizer, scheduler, input_size, input_stats, head_init: as in `SequenceModule`.
            output_size: Y, targets per step.
            carry: False drops the state at every window: the control that shows what the state is worth.
        """
        super().__init__(core, optimizer, scheduler, input_size, output_size, input_stats, head_init)
        self.carry = carry
        self.metrics = nn.ModuleDict({stage: _metrics(stage) for stage in ("val", "test")})
        self._states: dict[str, State] = {}
        self._loss_sum: Tensor | float = 0.0
        self._windows = 0

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """
        Args:
            x: (B, T, D) in physical units.
            state: carried from earlier steps of the same streams; None starts anew.

        Returns:
            predictions (B, T, Y), and the state after step T.
        """
        y, state = self.core(self.normalized(x), state)
        return self.head(y), state

    def training_step(self, window: Window) -> dict[str, Tensor]:
        prediction = self._read("train", window)
        loss = masked_mse(prediction, window)
        self._loss_sum = self._loss_sum + loss.detach()
        self._windows += 1
        if self.logs_this_step:
            self.log("train/loss", loss.detach(), prog_bar=True)
            self.log_dict({"train/loss_mean": self._loss_sum / self._windows, "lr": self.learning_rate})
        return {"loss": loss, "prediction": prediction}

    def on_validation_start(self) -> None:
        self._states.pop("val", None)

    def validation_step(self, window: Window) -> dict[str, Tensor]:
        return self._evaluate("val", window)

    def on_test_start(self) -> None:
        self._states.pop("test", None)

    def test_step(self, window: Window) -> dict[str, Tensor]:
        return self._evaluate("test", window)

    def on_predict_start(self) -> None:
        self._states.pop("predict", None)

    def predict_step(self, window: Window) -> Tensor:
        """(B, T, Y) predictions."""
        return self._read("predict", window)

    def _evaluate(self, stage: str, window: Window) -> dict[str, Tensor]:
        prediction = self._read(stage, window)
        metrics: Any = self.metrics[stage]
        metrics.update(prediction[window.mask].flatten(), window.y[window.mask].flatten())
        self.log_dict(metrics, batch_size=len(window.x))
        return {"prediction": prediction}

    def _read(self, stage: str, window: Window) -> Tensor:
        """Predictions of one window; the state goes on from the stage's last window and is carried on, detached."""
        prediction, state = self(window.x, self._state_before(stage, window))
        if self.carry:
            self._states[stage] = detach(state)
        return prediction

    def _state_before(self, stage: str, window: Window) -> State | None:
        state = self._states.get(stage)
        if state is None:
            return None
        if batch_size(state) != len(window.x):
            raise ValueError(
                f"a window of {len(window.x)} streams followed windows of {batch_size(state)}; row b of every batch "
                f"must be the same stream, so the number of rows cannot change (drop or pad the odd batch)"
            )
        return self.core.reset_rows(state, window.reset)


def masked_mse(prediction: Tensor, window: Window) -> Tensor:
    """Mean squared error over the steps that count; 0 if none does.

    A step that does not count gets its own prediction as the target, so that even a NaN there leaves no trace.
    """
    target = torch.where(window.mask.unsqueeze(-1), window.y, prediction.detach())
    share = window.mask.sum().clamp(min=1) / window.mask.numel()
    return F.mse_loss(prediction, target) / share


def _metrics(stage: str) -> MetricCollection:
    return MetricCollection(
        {f"{stage}/loss": MeanSquaredError(), f"{stage}/mae": MeanAbsoluteError(), f"{stage}/r2": R2Score()}
    )
