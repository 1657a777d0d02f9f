"""How a run tells how far it is: a bar on a terminal, plain lines in a file or a pipe."""

import sys
import time
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import ProgressBar, RichProgressBar
from lightning.pytorch.profilers import PassThroughProfiler

from seqmodels.system.terminal import say


def progress() -> ProgressBar:
    """The bar where someone watches, the lines where the output is kept."""
    return Bar(leave=True) if sys.stdout.isatty() else PlainProgress()


class Bar(RichProgressBar):
    """Lightning's bar, up to where `max_steps` ends it, and without the "/-2" after the epoch of an endless stream."""

    @property
    def total_train_batches(self) -> int | float:
        """Of this epoch, counted from its begin."""
        trainer = self.trainer
        batches = trainer.num_training_batches
        if trainer.max_steps <= 0:
            return batches
        read: Any = trainer.fit_loop.epoch_loop.batch_progress.current
        done = read.processed
        if done >= batches:  # those of the epoch before, as long as this one has read none
            done = 0
        return min(batches, done + (trainer.max_steps - trainer.global_step) * trainer.accumulate_grad_batches)

    def _get_train_description(self, current_epoch: int) -> str:
        return super()._get_train_description(current_epoch).replace("/-2", "")


class PlainProgress(ProgressBar):
    """A line after each validation, and at a logging step when nothing was said for a while.

    It shows what was measured at its step, never a value of an earlier one.
    """

    silence = 10.0  # seconds

    def __init__(self) -> None:
        super().__init__()
        self._enabled = True
        self._printed = 0.0
        self._lines = 0

    def enable(self) -> None:
        self._enabled = True

    def disable(self) -> None:
        self._enabled = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._printed = time.monotonic()
        self._lines = 0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if _is_logged(trainer) and time.monotonic() - self._printed > self.silence:
            self._line(trainer, validated=False)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self._line(trainer, validated=True)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not self._lines:
            self._line(trainer, validated=False)

    def _line(self, trainer: pl.Trainer, validated: bool) -> None:
        if not (self._enabled and trainer.is_global_zero):
            return
        kinds = (*["train/"] * _is_logged(trainer), *["val/"] * validated)
        metrics = [
            f"{name} {float(value):.4f}" for name, value in trainer.callback_metrics.items() if name.startswith(kinds)
        ]
        epoch = max(
            0, trainer.fit_loop.epoch_progress.current.ready - 1
        )  # also behind the last, as long as it is shown
        say(
            " | ".join([f"epoch {epoch}", f"step {trainer.global_step}", *metrics]),
        )
        self._printed = time.monotonic()
        self._lines += 1


def _is_logged(trainer: pl.Trainer) -> bool:
    """Whether the last step was a logging step."""
    every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
    return every > 0 and trainer.global_step > 0 and trainer.global_step % every == 0


_NOTHING: AbstractContextManager[None] = nullcontext()


class NoProfiler(PassThroughProfiler):
    """Lightning's own makes about 60 context managers a step, 0.1 to 0.2 ms in all; this one makes none."""

    def profile(self, action_name: str) -> AbstractContextManager[None]:  # type: ignore[override]
        return _NOTHING
