"""Disks that are full, as far as a process can have one of its own."""

import resource
from pathlib import Path
from typing import Any

import lightning.pytorch as pl


class SmallDisk(pl.Callback):
    """From a step on no file can grow beyond some bytes, as long as a file `disk is full` is there; at first it is."""

    def __init__(self, step: int, size: int) -> None:
        self.step, self.size = step, size
        if not Path("met").exists():
            Path("disk is full").touch()
            Path("met").touch()

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        if trainer.global_step == self.step and Path("disk is full").exists():
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, resource.RLIM_INFINITY))

    def on_exception(self, *args: Any) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
