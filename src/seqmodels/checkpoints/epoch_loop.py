"""When a training validates and ends: only where an optimiser step is complete, counted in such steps.

    accumulate_grad_batches=3, val_check_interval=2, an epoch of 11 batches

    batches   o o o | o o o | o o o | o o      the last group is what is left
    steps           1       2       3     4
                            V             V    a validation

Lightning counts batches instead. It validates, and ends by time or early stopping, in the middle of a group too, whose
gradients no checkpoint holds. And where nobody listens to a step, it takes the short path.
"""

import math
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop

from seqmodels.checkpoints.restoring import check_optimizers
from seqmodels.checkpoints.short_path import ShortPath
from seqmodels.checkpoints.step_results import StepResults


class EpochLoop(_TrainingEpochLoop):
    """Lightning's loop over the batches of an epoch, that validates and ends between two optimiser steps only.

    A step that is not logged goes the short path, if that is open: see short_path.py.
    """

    def __init__(self, trainer: pl.Trainer, short: bool = True) -> None:
        """
        Args:
            trainer: whose loop it becomes. Its `val_check_interval` is a number of optimiser steps, counted from the
                beginning of each epoch, or of the training where `check_val_every_n_epoch` is None; or a fraction of an
                epoch's steps. One that is a time is left to Lightning.
            short: whether steps may go the short path.
        """
        fit_loop = trainer.fit_loop
        super().__init__(trainer, fit_loop.min_steps, fit_loop.max_steps)
        fit_loop.epoch_loop = self
        self._results = StepResults(training=True)
        self._may_be_short = short
        self._short: ShortPath | None = None
        self._by_clock = trainer._val_check_time_interval is not None  # type: ignore[attr-defined]
        self._interval = 1.0 if self._by_clock else trainer.val_check_interval
        if isinstance(self._interval, int) and trainer.check_val_every_n_epoch is not None:
            trainer.val_check_interval = (
                0.5  # Lightning refuses more than an epoch has, and EarlyStopping reads 1 as 1.0
            )

    @property
    def done(self) -> bool:
        """Not inside a group of accumulated gradients, and not before a validation that a restart owes."""
        return not (self._should_accumulate() or self._owes_validation) and super().done

    def on_run_start(self, data_fetcher: Any) -> None:
        super().on_run_start(data_fetcher)
        if self.restarting:
            check_optimizers(self.trainer)
        self._short = ShortPath(self.trainer) if self._may_be_short and ShortPath.is_open(self.trainer) else None

    def advance(self, data_fetcher: Any) -> None:
        """Nothing, where a restart comes behind an epoch's last batch: Lightning would train on one more."""
        if self.restarting and self._is_training_done and not self._owes_validation:
            raise StopIteration
        if self._short and self.is_quiet:
            self._short.step(self, data_fetcher)
        else:
            super().advance(data_fetcher)

    @property
    def is_quiet(self) -> bool:
        """Whether nobody listens to the next batch: it is neither the first of an epoch or attempt nor to be logged."""
        every: int = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        begun = self.batch_progress.current.ready > 0 and not self.restarting
        return begun and (not every or (self._batches_that_stepped + 1) % every != 0)

    @property
    def _owes_validation(self) -> bool:
        return self.restarting and self.val_loop.restarted_mid_evaluation

    def _should_check_val_fx(self, data_fetcher: Any) -> bool:
        """Whether a validation follows the batch that has just been consumed."""
        if self._owes_validation:
            return True
        if self._should_accumulate() or not self._should_check_val_epoch():
            return False
        trainer = self.trainer
        if trainer.should_stop and trainer.fit_loop._can_stop_early:
            return True
        group, batches = trainer.accumulate_grad_batches, trainer.num_training_batches
        across = trainer.check_val_every_n_epoch is None
        if self._by_clock or (batches == math.inf and not across):
            return super()._should_check_val_fx(data_fetcher)
        every = self._interval
        if batches != math.inf:
            steps = math.ceil(batches / group)
            every = max(1, int(steps * every)) if isinstance(every, float) else every if across else min(every, steps)
        step = self.global_step if across else math.ceil(self.batch_progress.current.ready / group)
        return step % every == 0
