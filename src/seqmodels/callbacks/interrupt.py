"""Ctrl-C ends a run between two steps, not inside one."""

import signal
import threading
from types import FrameType
from typing import Any

import lightning.pytorch as pl


class Interrupted(BaseException):
    """The user asked the run to stop.

    Attributes:
        after_step: an optimiser step has just been completed, so that the state of training can be saved.
    """

    def __init__(self, after_step: bool) -> None:
        super().__init__("interrupted")
        self.after_step = after_step


class StopOnCtrlC(pl.Callback):
    """The first Ctrl-C lets the step finish and then raises `Interrupted`; the second one acts at once.

    With several processes they agree on the step at the trainer's logging interval.
    """

    def __init__(self) -> None:
        self._asked = False
        self._before: Any = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._listen()

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._listen()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._forget()

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._forget()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._forget()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        accumulating = (batch_idx + 1) % trainer.accumulate_grad_batches != 0 and not trainer.is_last_batch
        if accumulating or not self._agreed(trainer, batch_idx):
            return
        raise Interrupted(after_step=True)

    def on_validation_batch_end(self, trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:
        self._leave_evaluation(trainer)

    def on_test_batch_end(self, trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:
        self._leave_evaluation(trainer)

    def _leave_evaluation(self, trainer: pl.Trainer) -> None:
        if self._asked and trainer.world_size == 1:
            raise Interrupted(after_step=trainer.state.fn == "fit")

    def _agreed(self, trainer: pl.Trainer, batch_idx: int) -> bool:
        if trainer.world_size == 1:
            return self._asked
        if (batch_idx + 1) % (trainer.log_every_n_steps or 50):  # type: ignore[attr-defined]
            return False
        return trainer.strategy.reduce_boolean_decision(self._asked, all=False)

    def _listen(self) -> None:
        self._asked = False
        if threading.current_thread() is threading.main_thread():  # elsewhere there is no Ctrl-C to catch
            self._before = signal.signal(signal.SIGINT, self._ask)

    def _forget(self) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    def _ask(self, signum: int, frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
