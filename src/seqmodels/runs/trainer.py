"""Lightning's Trainer as a run needs it: callbacks, loggers, threads, and when it validates."""

import logging
import os
import warnings
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from hydra.utils import instantiate
from lightning.pytorch.callbacks import ProgressBar
from omegaconf import DictConfig, OmegaConf

from seqmodels.checkpoints.io import AtomicCheckpointIO
from seqmodels.config.schema import explained
from seqmodels.distributed.launcher import adopt
from seqmodels.distributed.slurm import cluster_environment


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


def intervals(trainer: DictConfig, datamodule: Any) -> dict[str, Any]:
    """When to validate: at least once an epoch. A stream has no epochs: there, fractions are of the whole training."""
    interval = trainer.val_check_interval
    if not datamodule.endless:
        if isinstance(interval, int) and trainer.check_val_every_n_epoch is not None:
            batches = datamodule.overfit_batches or len(datamodule.train_dataloader())
            if isinstance(trainer.limit_train_batches, int):
                batches = min(batches, trainer.limit_train_batches)
            interval = min(interval, batches)  # else Lightning refuses a short epoch
        return {"val_check_interval": interval}
    if trainer.max_steps == -1 and trainer.max_time is None:
        raise ValueError("this data is an endless stream and nothing ends the training; set trainer.max_steps")
    if isinstance(interval, float):
        interval = max(1, int(interval * trainer.max_steps)) if trainer.max_steps > 0 else 1000
    return {"val_check_interval": interval, "check_val_every_n_epoch": None, "max_epochs": -1}


def _quieten_lightning() -> None:
    """What it says at every start says nothing about the run; our own block does."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*does not have many workers.*")  # data in memory wants none
    warnings.filterwarnings("ignore", ".*Total length of `list` across ranks is zero.*")  # no validation is a choice
    warnings.filterwarnings("ignore", ".*smaller than the logging interval.*")  # a short epoch is logged across epochs
    warnings.filterwarnings("ignore", ".*your dataloader is not resumable.*")  # ours are, through start_from
    warnings.filterwarnings("ignore", ".*LeafSpec.*deprecated.*")  # Lightning 2.6 with torch 2.15


def build_trainer(cfg: DictConfig, folder: Path, **settings: Any) -> pl.Trainer:
    """Lightning's Trainer with our callbacks, loggers and checkpoints, and the threads that its processes take.

    Args:
        cfg: the config.
        folder: where the trainer writes.
        settings: of the trainer, in place of the config's.
    """
    _quieten_lightning()
    with explained(cfg, "trainer"):
        accelerator = cfg.trainer.accelerator
        if accelerator in ("gpu", "cuda") and not (torch.cuda.is_available() or torch.backends.mps.is_available()):
            raise ValueError(
                f"accelerator={accelerator} but torch sees no GPU here (torch {torch.__version__}); "
                "use trainer=cpu, or install a driver and a torch build that match"
            )
        callbacks = [instantiate(callback) for callback in (cfg.callbacks or {}).values() if callback]
        if not cfg.trainer.enable_progress_bar:
            callbacks = [callback for callback in callbacks if not isinstance(callback, ProgressBar)]
        checkpoint_io = AtomicCheckpointIO(OmegaConf.to_container(cfg, resolve=True))  # type: ignore[arg-type]
        trainer: pl.Trainer = instantiate(
            cfg.trainer,
            default_root_dir=str(folder),
            callbacks=callbacks,
            logger=[instantiate(logger, folder=str(folder)) for logger in (cfg.logger or {}).values() if logger],
            plugins=[plugin for plugin in (checkpoint_io, cluster_environment()) if plugin],
            **settings,
        )
    adopt(trainer)
    set_threads(cfg.threads, trainer)
    return trainer
