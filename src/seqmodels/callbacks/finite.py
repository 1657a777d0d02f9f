"""A loss that is no number ends the run at once, with the step at which it happened."""

from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor


class FiniteLoss(pl.Callback):
    """Looks at the losses at every logging step, all that came since the last look, without a wait in between."""

    def __init__(self) -> None:
        self._losses: list[Tensor] = []

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._losses.append(outputs["loss"])
        if len(self._losses) >= (trainer.log_every_n_steps or 50):  # type: ignore[attr-defined]
            self._look(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._look(trainer)

    def _look(self, trainer: pl.Trainer) -> None:
        if not self._losses:
            return
        losses = torch.stack(self._losses)
        first = trainer.fit_loop.total_batch_idx + 1 - len(self._losses)
        self._losses = []
        bad = (~losses.isfinite()).nonzero()
        if len(bad):
            raise ValueError(
                f"train/loss became {losses[bad[0, 0]].item()} at step {first + int(bad[0, 0])}; the checkpoints hold "
                f"the last good weights. A lower optimizer.lr or trainer.gradient_clip_val=1 usually helps"
            )
