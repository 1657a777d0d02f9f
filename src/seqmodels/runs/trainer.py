"""What a run sets beside its trainer: threads, when it validates, and what Lightning does not say."""

import logging
import os
import warnings
from typing import Any

import lightning.pytorch as pl
import torch
from omegaconf import DictConfig

from seqmodels.config.ranges import at_least
from seqmodels.system.process import cores_here


def set_threads(threads: int | str, trainer: pl.Trainer) -> None:
    """`auto` shares the cores among this machine's processes, unless OMP_NUM_THREADS says otherwise."""
    if threads == "auto":
        if "OMP_NUM_THREADS" in os.environ:
            return
        threads = max(1, cores_here() // trainer.num_devices)
    if not isinstance(threads, int):
        raise ValueError(f"threads={threads!r} is not a number of threads; give an integer of at least 1, or auto")
    at_least(1, threads=threads)
    torch.set_num_threads(threads)
    if trainer.world_size > 1:
        os.environ["OMP_NUM_THREADS"] = str(threads)  # else Lightning chooses for its child processes


def logging_interval(trainer: DictConfig, datamodule: Any) -> dict[str, Any]:
    """When to log: a training that is shorter than the interval does so at its last step."""
    every, steps = trainer.log_every_n_steps, _steps(trainer, datamodule)
    return {"log_every_n_steps": min(every, steps)} if steps and every else {}


def _steps(trainer: DictConfig, datamodule: Any) -> int:
    """Of the whole training, as far as it is known before; else 0."""
    ends = [trainer.max_steps] if trainer.max_steps > 0 else []
    if not datamodule.endless and (trainer.max_epochs or 0) > 0:
        try:
            batches = len(datamodule.train_dataloader())
        except TypeError:  # a loader that does not know its length
            return min(ends, default=0)
        limit = 1.0 if trainer.limit_train_batches is None else trainer.limit_train_batches
        batches = min(batches, limit) if isinstance(limit, int) else int(batches * limit)
        ends.append(-(-batches // max(1, trainer.accumulate_grad_batches)) * trainer.max_epochs)
    return min(ends, default=0)


def intervals(trainer: DictConfig, datamodule: Any) -> dict[str, Any]:
    """When to validate: at least once an epoch. A stream has no epochs: there, fractions are of the whole training.

    `val_check_interval` counts optimiser steps, as `EpochLoop` does.
    """
    interval = 1.0 if trainer.val_check_interval is None else trainer.val_check_interval
    if not datamodule.endless:
        return {"val_check_interval": interval}
    if trainer.max_steps == -1 and trainer.max_time is None:
        raise ValueError("this data is an endless stream and nothing ends the training; set trainer.max_steps")
    if isinstance(interval, float):
        interval = max(1, int(interval * trainer.max_steps)) if trainer.max_steps > 0 else 1000
    return {"val_check_interval": interval, "check_val_every_n_epoch": None, "max_epochs": -1}


def leave_signals_to_us(trainer: pl.Trainer) -> None:
    """Lightning would answer SIGTERM, and on Slurm SIGUSR1, with an exit code and a checkpoint that are not ours."""
    trainer._signal_connector.register_signal_handlers = _nothing  # type: ignore[method-assign]


def _nothing() -> None:
    """In place of Lightning's."""


def quieten_lightning() -> None:
    """What it says at every start says nothing about the run; our own block does."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*does not have many workers.*")  # data in memory wants none
    warnings.filterwarnings("ignore", ".*Total length of `list` across ranks is zero.*")  # no validation is a choice
    warnings.filterwarnings("ignore", ".*smaller than the logging interval.*")  # a short epoch is logged across epochs
    warnings.filterwarnings("ignore", ".*your dataloader is not resumable.*")  # ours are, through start_from
    warnings.filterwarnings("ignore", ".*LeafSpec.*deprecated.*")  # Lightning 2.6 with torch 2.15
