"""How many CPU threads a run takes: a setting, not an accident."""

import os

import lightning.pytorch as pl
import torch


def set_threads(threads: int | str, trainer: pl.Trainer) -> None:
    """`auto` shares the cores among this machine's processes, unless OMP_NUM_THREADS says otherwise."""
    if threads == "auto":
        if "OMP_NUM_THREADS" in os.environ:
            return
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        threads = max(1, cores // trainer.num_devices)
    if not isinstance(threads, int) or threads < 1:
        raise ValueError(f"threads={threads!r} is not a number of threads; give an integer of at least 1, or auto")
    torch.set_num_threads(threads)
    if trainer.world_size > 1:
        os.environ["OMP_NUM_THREADS"] = str(threads)  # else Lightning chooses for its child processes
