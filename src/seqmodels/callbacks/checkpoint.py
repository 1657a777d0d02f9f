"""Checkpoints that survive a crash: `last.ckpt` (and `previous.ckpt`) by steps or minutes, `best.ckpt` by a metric."""

import os
import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch.callbacks import Checkpoint, ModelCheckpoint

from seqmodels.callbacks.interrupt import Interrupted


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place, flushes it to the disk, then renames: one sees all of it or the old one.

    Lightning's own writer goes through $TMPDIR, which may be another file system, where a rename is a copy that can be
    cut short. What `last.ckpt` held before is kept as `previous.ckpt`.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | os.PathLike, storage_options: Any = None) -> None:
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            with unfinished.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            if target.name == "last.ckpt" and target.exists():
                target.replace(target.with_name("previous.ckpt"))
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)


class LastCheckpoint(Checkpoint):
    """Keeps `checkpoints/last.ckpt`: every so many steps or minutes, after each epoch, at the end, and when stopped.

    Saves only where an optimiser step has just been made, and only weights that are finite, so that the last checkpoint
    is always a good one.
    """

    def __init__(self, every_n_steps: int | None = None, every_n_minutes: float | None = None) -> None:
        """
        Args:
            every_n_steps: optimiser steps between two saves; None for none.
            every_n_minutes: the same in minutes.
        """
        for name, value in (("every_n_steps", every_n_steps), ("every_n_minutes", every_n_minutes)):
            if value is not None and value <= 0:
                raise ValueError(
                    f"checkpoint.{name}={value} is not an interval; give a number above 0, or null for none"
                )
        self.every_n_steps = every_n_steps
        self.every_n_minutes = every_n_minutes
        self._saved_step = 0
        self._saved_time = time.monotonic()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._saved_step = trainer.global_step
        self._saved_time = time.monotonic()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        step = trainer.global_step
        if step == self._saved_step:
            return
        due = self.every_n_steps is not None and step % self.every_n_steps == 0
        if self.every_n_minutes is not None:
            minutes = (time.monotonic() - self._saved_time) / 60
            due = due or trainer.strategy.broadcast(minutes >= self.every_n_minutes)
        if due:
            self._save(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._save(trainer)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        if isinstance(exception, Interrupted) and exception.after_step:
            self._save(trainer)

    def _save(self, trainer: pl.Trainer) -> None:
        if trainer.global_step == self._saved_step:
            return
        if all(bool(parameter.isfinite().all()) for parameter in trainer.lightning_module.parameters()):
            trainer.save_checkpoint(Path(trainer.default_root_dir) / "checkpoints" / "last.ckpt")
        self._saved_step = trainer.global_step
        self._saved_time = time.monotonic()


class BestCheckpoint(ModelCheckpoint):
    """Keeps `checkpoints/best.ckpt`: the best value of `monitor` so far.

    Lightning's own, kept apart from `last.ckpt`: with a monitor it rewrites that only when the best improves.
    """

    def __init__(self, monitor: str, mode: str) -> None:
        """
        Args:
            monitor: a logged metric.
            mode: min or max, whichever is better.
        """
        if mode not in ("min", "max"):
            raise ValueError(f"mode={mode!r} is not known; choose min or max, whichever is better for {monitor}")
        super().__init__(filename="best", monitor=monitor, mode=mode, enable_version_counter=False)

    @property
    def state_key(self) -> str:
        return "BestCheckpoint"  # Lightning asks for it at every hook and would put it together from all settings

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self.dirpath = str(Path(trainer.default_root_dir) / "checkpoints")
        super().setup(trainer, pl_module, stage)

    def on_train_batch_end(self, *args: Any) -> None:
        """Nothing: a best value comes from a validation or at the end of an epoch."""
