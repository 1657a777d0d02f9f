"""A trial of a search tells the search how it goes, and ends early when the search has seen enough.

The run's config only says that it is a trial; which search it belongs to is known to the process that runs the search
alone. So a trial that is resumed by hand later is a run like any other.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Checkpoint

from seqmodels.config.ranges import one_of
from seqmodels.exceptions import Pruned

Judge = Callable[[int, float], bool]
"""Takes the step and the value of `monitor`; says whether the trial should end."""

_judge: Judge | None = None


@contextmanager
def judged_by(judge: Judge) -> Iterator[None]:
    """The runs of this process are judged by this function."""
    global _judge
    before, _judge = _judge, judge
    try:
        yield
    finally:
        _judge = before


class Pruning(Checkpoint):
    """Asks the search after each value of `monitor`, where `BestCheckpoint` looks at it too.

    A `Checkpoint` only because Lightning calls those last: all other callbacks have seen the validation before the
    trial is left. With several processes rank 0 asks and tells the others.
    """

    def __init__(self, monitor: str, weights: str = "best") -> None:
        """
        Args:
            monitor: a logged metric: val/..., looked at after each validation, or train/..., after each epoch.
            weights: best or last, the trial's value is theirs: those that would be tested, if a trial were.
        """
        one_of(("best", "last"), weights=weights)
        self.monitor, self.weights = monitor, weights

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn == "fit" and not trainer.sanity_checking and self.monitor.startswith("val/"):
            self._ask(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not self.monitor.startswith("val/"):
            self._ask(trainer)

    def _ask(self, trainer: pl.Trainer) -> None:
        """
        Raises:
            ValueError: the value is not finite.
            Pruned: the search has seen enough.
        """
        if self.monitor not in trainer.callback_metrics:
            return
        value, step = float(trainer.callback_metrics[self.monitor]), trainer.global_step
        answer: Any = None
        if trainer.is_global_zero:
            answer = value, math.isfinite(value) and _judge is not None and _judge(step, value)
        value, enough = trainer.strategy.broadcast(answer)
        if not math.isfinite(value):
            raise ValueError(f"{self.monitor} became {value} at step {step}; a lower optimizer.lr usually helps")
        if enough:
            raise Pruned(f"{self.monitor} {value:.6g} at step {step} was not good enough")
