"""Checkpoints that survive a crash and from which a training goes on bit for bit.

`last.ckpt` (and `previous.ckpt`, the one before) by steps or minutes, `best.ckpt` by a metric. Each holds, beside what
Lightning puts there, the run's config, the position in the data and the state of every random generator; all of it
loads with `torch.load(weights_only=True)`.
"""

import math
import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Checkpoint

from seqmodels.callbacks.guards import Agreement
from seqmodels.checkpoints.averaging import swap_averaged_weights_back
from seqmodels.checkpoints.places import place_of
from seqmodels.checkpoints.position import (
    Position,
    loops_at,
    position_of,
    rng_state,
    set_rng_state,
    steer,
    validation_is_due,
)
from seqmodels.config.ranges import above, at_least, one_of
from seqmodels.exceptions import Interrupted


class LastCheckpoint(Checkpoint):
    """Keeps `checkpoints/last.ckpt`: every so many steps or minutes, after each epoch, at the end, and when stopped.

    Saves only where an optimiser step is complete, with the validation and the loggers' rows that belong to it, and
    only weights that are finite; so the last checkpoint is always a good one, and a resumed run repeats nothing and
    leaves nothing out.
    """

    def __init__(self, every_n_steps: int | None = None, every_n_minutes: float | None = None) -> None:
        """
        Args:
            every_n_steps: optimiser steps between two saves; None for none.
            every_n_minutes: the same in minutes.
        """
        if every_n_steps is not None:
            at_least(1, every_n_steps=every_n_steps)
        if every_n_minutes is not None:
            above(0, every_n_minutes=every_n_minutes)
        self.every_n_steps = every_n_steps
        self.every_n_minutes = every_n_minutes
        self._agreement = Agreement()
        self._saved: Position | None = None
        self._saved_time = time.monotonic()
        self._due = False
        self._rng: dict[str, Any] | None = None  # as the last step left it
        self._validate = False
        self._resumed: dict[str, Any] | None = None

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        callbacks: list[pl.Callback] = trainer.callbacks  # type: ignore[attr-defined]
        if not any(isinstance(callback, _BeforeBatch) for callback in callbacks):
            trainer.callbacks = [_BeforeBatch(self), *callbacks]  # type: ignore[attr-defined]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._agreement = Agreement()
        self._saved = position_of(trainer)
        self._saved_time = time.monotonic()
        self._due, self._rng = False, None
        if self._resumed is not None:
            self._take_up(trainer, self._resumed)
            self._resumed = None

    def _take_up(self, trainer: pl.Trainer, resumed: dict[str, Any]) -> None:
        self._saved = Position(**resumed["position"])
        steer(trainer, self._saved)
        known = {name: torch.tensor(value) for name, value in resumed["metrics"].items()}
        trainer._logger_connector._callback_metrics.update(known)  # the last values, which others may look at
        if trainer.global_rank < len(resumed["rng"]):
            set_rng_state(resumed["rng"][trainer.global_rank])

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        step = trainer.global_step
        if self.every_n_minutes is not None:
            minutes = (time.monotonic() - self._saved_time) / 60
            self._due |= self._agreement.reached(trainer, minutes >= self.every_n_minutes) > 0
        if trainer.fit_loop._should_accumulate():
            return
        self._due |= self.every_n_steps is not None and step % self.every_n_steps == 0
        if self._due:
            self._rng = rng_state()

    def save_if_due(self, trainer: pl.Trainer) -> None:
        """The last step, its validation and its rows are complete, and the next batch has not begun."""
        if self._due and self._rng is not None:
            self._save(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._rng = None
        self._save(trainer)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn == "fit" and self._rng is None:
            self._rng = rng_state()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not self._due:
            self._rng = None

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        if not (isinstance(exception, Interrupted) and exception.after_step):
            return
        if trainer.validating:
            swap_averaged_weights_back(trainer)
            self._save(trainer, validate=True)
        else:
            trainer._logger_connector.on_batch_end()
            trainer._logger_connector.update_train_step_metrics()  # the row that comes after the hook that was left
            self._save(trainer, validate=validation_is_due(trainer))

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        ranks: list[Any] = [self._rng or rng_state()]
        if trainer.world_size > 1:
            ranks *= trainer.world_size
            torch.distributed.all_gather_object(ranks, ranks[0])
        checkpoint["position"] = position_of(trainer, self._validate)._asdict()
        checkpoint["rng"] = ranks
        checkpoint["weights_with_past"] = [len(optimizer.state) for optimizer in trainer.optimizers]
        checkpoint["metrics"] = {name: float(value) for name, value in trainer.callback_metrics.items()}

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        if trainer.state.fn != "fit":
            return
        datamodule: Any = trainer.datamodule  # type: ignore[attr-defined]
        position = Position(**checkpoint["position"])
        if 0 < trainer.max_steps <= position.step:
            loops_at(position._replace(epoch=position.epoch + (position.batch > 0), batch=0), checkpoint["loops"])
        else:
            loops_at(position, checkpoint["loops"])
        datamodule.start_from(position.epoch, position.batch)
        self._resumed = {key: checkpoint[key] for key in ("position", "rng", "metrics")}

    def _save(self, trainer: pl.Trainer, validate: bool = False) -> None:
        position = position_of(trainer, validate)
        if position != self._saved and _is_finite(trainer):
            self._validate = validate
            trainer.save_checkpoint(place_of(Path(trainer.default_root_dir), "last"))
            self._validate = False
        self._saved, self._saved_time = position, time.monotonic()
        self._due, self._rng = False, None


class _BeforeBatch(pl.Callback):
    """The first of all callbacks: the others may change at the start of a batch, which is after the checkpoint."""

    def __init__(self, last: LastCheckpoint) -> None:
        self.last = last

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self.last.save_if_due(trainer)


class BestCheckpoint(Checkpoint):
    """Keeps `checkpoints/best.ckpt`: the best value of `monitor` so far, looked at after each validation and epoch.

    Apart from `last.ckpt`: Lightning's own callback rewrites its last one only when the best improves, and forgets the
    best value of a run whose folder was moved.

    Attributes:
        reached: "best" and "last", as far as there are any: the step and the metrics of these validations.
    """

    def __init__(self, monitor: str, mode: str) -> None:
        """
        Args:
            monitor: a logged metric.
            mode: min or max, whichever is better.
        """
        one_of(("min", "max"), mode=mode)
        self.monitor = monitor
        self.sign = 1 if mode == "max" else -1
        self.best: float | None = None
        self.reached: dict[str, dict[str, Any]] = {}

    @property
    def state_key(self) -> str:
        return "BestCheckpoint"  # Lightning asks for it at every hook and would put it together from all settings

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "reached": dict(self.reached)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best, self.reached = state_dict["best"], dict(state_dict["reached"])

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn != "fit" or trainer.sanity_checking:
            return
        if self.monitor.startswith("val/") and self.monitor not in trainer.callback_metrics:
            raise ValueError(
                f"monitor={self.monitor} is not measured; a validation measures "
                f"{', '.join(name for name in trainer.callback_metrics if name.startswith('val/'))}"
            )
        self._judge(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not self.monitor.startswith("val/"):
            self._judge(trainer)

    def _judge(self, trainer: pl.Trainer) -> None:
        if self.monitor not in trainer.callback_metrics:
            return
        value = float(trainer.strategy.broadcast(float(trainer.callback_metrics[self.monitor])))
        metrics = {
            name: float(measured)
            for name, measured in trainer.callback_metrics.items()
            if name.startswith("val/") or name == self.monitor
        }
        self.reached["last"] = {"step": trainer.global_step, "metrics": metrics}
        if math.isnan(value) or (self.best is not None and self.sign * value <= self.sign * self.best):
            return
        if _is_finite(trainer):
            self.best, self.reached["best"] = value, self.reached["last"]
            trainer.save_checkpoint(place_of(Path(trainer.default_root_dir), "best"))


def _is_finite(trainer: pl.Trainer) -> bool:
    return all(bool(parameter.isfinite().all()) for parameter in trainer.lightning_module.parameters())
