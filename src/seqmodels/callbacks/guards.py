"""What watches over a training: signals end it between two steps, a loss that is no number ends it at once."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Checkpoint
from torch import Tensor

from seqmodels.exceptions import Interrupted
from seqmodels.system.signals import SIGNALS, handled, hear


class StopOnSignal(Checkpoint):
    """The first signal lets the optimiser step finish and then raises `Interrupted`; a second Ctrl-C acts at once.

    A `Checkpoint` only because Lightning calls those last: all other callbacks have seen the step before it is left.
    With several processes it is enough that one of them is asked: they agree on the step within about a second. Every
    trainer of ours has one, since without it Lightning would answer signals in ways of its own.
    """

    def __init__(self) -> None:
        self._asked: int | None = None
        self._stop: int | None = None
        self._agreement = Agreement()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Signals are noted, for the hooks below and for `check`."""
        self._asked = self._stop = None
        with handled(self._ask):
            hear()  # a further rank was started deaf
            yield

    def check(self, trainer: pl.Trainer) -> None:
        """To be called by all ranks, where nothing is under way.

        Raises:
            Interrupted: one of them was asked.
        """
        weight = self._agreement.greatest(trainer, self._weight())
        if weight:
            raise Interrupted(SIGNALS[weight - 1], after_step=False)

    def check_alone(self) -> None:
        """For this process, at its end.

        Raises:
            Interrupted: it was asked.
        """
        if self._asked:
            raise Interrupted(self._asked, after_step=False)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._agreement = Agreement()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        weight = self._agreement.reached(trainer, self._weight())
        if weight:
            self._stop = SIGNALS[weight - 1]
        if self._stop and not trainer.fit_loop._should_accumulate() and not _last_step(trainer):
            raise Interrupted(self._stop, after_step=True)

    def on_validation_batch_end(self, trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:
        if not (trainer.state.fn == "fit" and _last_step(trainer)):
            self._leave_evaluation(trainer)

    def on_test_batch_end(self, trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:
        self._leave_evaluation(trainer)

    def _leave_evaluation(self, trainer: pl.Trainer) -> None:
        if self._asked and trainer.world_size == 1:
            raise Interrupted(self._asked, after_step=trainer.state.fn == "fit" and not trainer.sanity_checking)

    def _weight(self) -> int:
        return SIGNALS.index(self._asked) + 1 if self._asked else 0

    def _ask(self, signum: int, frame: FrameType | None) -> None:
        if signum == signal.SIGINT and self._asked == signal.SIGINT:
            raise KeyboardInterrupt
        self._asked = max(self._asked or SIGNALS[0], signum, key=SIGNALS.index)


def stop_of(trainer: pl.Trainer) -> StopOnSignal:
    """The one that every trainer of ours has."""
    return next(one for one in trainer.callbacks if isinstance(one, StopOnSignal))  # type: ignore[attr-defined]


def _last_step(trainer: pl.Trainer) -> bool:
    """Whether max_steps is reached: Lightning would not take up a validation after that, so it had better finish."""
    return trainer.max_steps != -1 and trainer.global_step >= trainer.max_steps


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
        first = trainer.fit_loop.total_batch_idx + 2 - len(self._losses)  # counted from 1
        self._losses = []
        bad = (~losses.isfinite()).nonzero()
        if len(bad):
            raise ValueError(
                f"train/loss became {losses[bad[0, 0]].item()} in batch {first + int(bad[0, 0])}; the checkpoints hold "
                f"the last good weights. A lower optimizer.lr or trainer.gradient_clip_val=1 usually helps"
            )


class Agreement:
    """A wish of one rank becomes the decision of all, about once a second; a rank alone decides at once.

    Asking the others costs a collective call, so it is not done every step. How many steps make a second is itself
    agreed upon: ranks that ask at different steps would wait for each other for ever.
    """

    def __init__(self) -> None:
        self._next = 0
        self._asked = (0, 0.0)

    def reached(self, trainer: pl.Trainer, wish: int) -> int:
        """The greatest wish of any rank, 0 for none; to be called by all ranks after every training batch."""
        if trainer.world_size == 1:
            return wish
        step, now = trainer.fit_loop.total_batch_idx, time.monotonic()
        if step < self._next:
            return 0
        last_step, last_time = self._asked
        pace = (step - last_step) / max(now - last_time, 1e-3)
        greatest, steps_a_second = _greatest_of_all(trainer, float(wish), pace)
        self._next = step + max(1, min(1000, int(steps_a_second)))
        self._asked = (step, now)
        return int(greatest)

    def greatest(self, trainer: pl.Trainer, wish: int) -> int:
        """The same, but at once; to be called by all ranks at the same place."""
        return wish if trainer.world_size == 1 else int(_greatest_of_all(trainer, float(wish))[0])


def _greatest_of_all(trainer: pl.Trainer, *values: float) -> list[float]:
    votes = torch.tensor(values, device=trainer.strategy.root_device)
    torch.distributed.all_reduce(votes, op=torch.distributed.ReduceOp.MAX)
    return votes.tolist()
