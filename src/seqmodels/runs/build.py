"""Config to objects; the only file that instantiates what a config names."""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, update_wrapper
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from hydra.utils import get_class, get_object, instantiate
from lightning.pytorch.callbacks import Checkpoint, ProgressBar
from omegaconf import DictConfig, OmegaConf

from seqmodels.callbacks.guards import StopOnSignal
from seqmodels.checkpoints.averaging import check_resumable
from seqmodels.checkpoints.epoch_loop import EpochLoop
from seqmodels.checkpoints.io import AtomicCheckpointIO
from seqmodels.config.keys import explained
from seqmodels.config.nearest import nearest
from seqmodels.config.schema import check_config, parameters
from seqmodels.cores.registry import cores_with_dt
from seqmodels.datamodules.checks import check_class, check_source
from seqmodels.distributed.slurm import cluster_environment
from seqmodels.distributed.supervised import use_supervised_launcher
from seqmodels.modules.cuda_graph import record_steps
from seqmodels.modules.precision import HalfWeights
from seqmodels.runs.trainer import intervals, leave_signals_to_us, logging_interval, quieten_lightning, set_threads
from seqmodels.stacking.crew import Crew

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parts:
    """The objects of a run."""

    datamodule: Any
    module: Any
    trainer: pl.Trainer


def build(cfg: DictConfig, folder: Path) -> Parts:
    """Turn config into objects; sizes flow from the data to the module."""
    check_config(cfg)
    datamodule = build_datamodule(cfg)
    with explained(cfg, "datamodule"):
        datamodule.prepare_data()
        datamodule.setup("fit")
        check_source(datamodule)
    with explained(cfg, "trainer"):
        when = intervals(cfg.trainer, datamodule) | logging_interval(cfg.trainer, datamodule)
    trainer = build_trainer(cfg, folder, **when)
    pl.seed_everything(cfg.seed, workers=True, verbose=False)
    # Lightning does it after it has read a checkpoint, which would round what is of 64 bits.
    module = trainer.precision_plugin.convert_module(build_module(cfg, datamodule))
    if Crew.now:
        Crew.now.take(module)
    _check_monitor(cfg.monitor, module, trainer)
    if cfg.trainer.cuda_graphs:
        with explained(cfg, "trainer", "core", "module"):
            record_steps(module, trainer)
    if cfg.monitor.startswith("val/") and not datamodule.val_dataloader():
        log.warning("monitor=%s: this data has no validation part, so there will be no best.ckpt", cfg.monitor)
    return Parts(datamodule, module, trainer)


def build_datamodule(cfg: DictConfig) -> Any:
    """The source of the data; nothing is read yet."""
    target = get_object(cfg.datamodule._target_)
    check_class(target)
    seed = {"seed": cfg.seed} if "seed" in parameters(target) else {}
    with explained(cfg, "datamodule"):
        return instantiate(cfg.datamodule, **seed)


def build_module(cfg: DictConfig, datamodule: Any) -> Any:
    """The model, of the size that the data has and with its statistics."""
    _check_task(cfg, datamodule)
    taken = parameters(get_class(cfg.module._target_))
    told = datamodule.told_to_module() | {name: _factory(cfg, name) for name in ("core", "optimizer", "scheduler")}
    with explained(cfg, "module"):
        module = instantiate(cfg.module, **{name: value for name, value in told.items() if name in taken})
    if getattr(datamodule, "has_dt", False) and not module.core.takes_dt:
        cores = ", ".join(f"core={name}" for name in cores_with_dt())
        raise ValueError(
            f"datamodule.gaps=dt tells the core how much time lies between steps, and this one does not read it; "
            f"choose one that does ({cores}), or datamodule.gaps=ignore"
        )
    return module


def check_mode(cfg: DictConfig) -> None:
    """
    Raises:
        ValueError: `mode` would take the worst value of `monitor` for the best.
    """
    directions = getattr(get_class(cfg.module._target_), "directions", {})
    best = directions.get(str(cfg.monitor).rpartition("/")[2], cfg.mode)
    if cfg.mode in ("min", "max") and best != cfg.mode:
        worth = "higher" if best == "max" else "lower"
        raise ValueError(f"mode={cfg.mode}, but {cfg.monitor} is better the {worth} it is; give mode={best} with it")


def _check_monitor(monitor: str, module: Any, trainer: pl.Trainer) -> None:
    """What says what it measures is asked; a module of somebody else may measure anything."""
    if monitor.startswith("test/"):
        raise ValueError(f"monitor={monitor} is measured when all is over; choose monitor=val/{monitor[5:]}")
    known = getattr(module, "metric_names", None)
    if known is None:
        return
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        known |= getattr(callback, "metric_names", frozenset())
    if monitor not in known:
        near = nearest(monitor, known)
        meant = f"did you mean monitor={near}?" if near else f"choose one of {', '.join(sorted(known))}"
        raise ValueError(f"monitor={monitor} is not measured by {type(module).__name__}; {meant}")


def _factory(cfg: DictConfig, section: str) -> Callable[..., Any] | None:
    """What makes the core, optimizer or scheduler, once the module knows of what; a complaint names the full key."""
    if cfg[section] is None:
        return None
    # The signature is that of what is made: a schedule is told `total_steps` if it takes them.
    return update_wrapper(partial(_make, cfg, section), get_object(cfg[section]._target_), updated=())


def _make(cfg: DictConfig, section: str, /, *arguments: Any, **named: Any) -> Any:
    try:
        with explained(cfg, section):
            return instantiate(cfg[section])(*arguments, **named)
    except ValueError as error:  # torch's own say "Invalid learning rate", and not whose
        raise error if f"{section}." in str(error) else ValueError(f"{section}: {error}") from error


def _check_task(cfg: DictConfig, datamodule: Any) -> None:
    module: Any = get_class(cfg.module._target_)
    if module.task != datamodule.task:
        fitting = {
            "classification": "module=classifier",
            "labelling": "module=labeller",
            "regression": "module=regressor",
        }[datamodule.task]
        raise ValueError(
            f"{module.__name__} does {module.task}, but the data {datamodule.name!r} is for {datamodule.task}; "
            f"use {fitting} with it, or choose another datamodule"
        )


def build_trainer(cfg: DictConfig, folder: Path, **settings: Any) -> pl.Trainer:
    """Lightning's Trainer with our callbacks, loggers and checkpoints, and the threads that its processes take.

    Args:
        cfg: the config.
        folder: where the trainer writes.
        settings: of the trainer, in place of the config's.
    """
    quieten_lightning()
    with explained(cfg, "trainer", "checkpoint", "callbacks", "logger"):
        accelerator = cfg.trainer.accelerator
        if accelerator in ("gpu", "cuda") and not (torch.cuda.is_available() or torch.backends.mps.is_available()):
            raise ValueError(
                f"accelerator={accelerator} but torch sees no GPU here (torch {torch.__version__}); "
                "use trainer=cpu, or install a driver and a torch build that match"
            )
        if cfg.trainer.devices in (-1, "-1") and not torch.cuda.is_available():
            raise ValueError(f"devices={cfg.trainer.devices} means all GPUs, but torch sees none here; give devices=1")
        if isinstance(devices := cfg.trainer.devices, str) and not re.fullmatch(r"auto|-1|\d+(,\d+)*", devices):
            raise ValueError(f"devices={devices} is not known; give a number, a list of GPUs such as [0,1], or auto")
        on_cpu = accelerator == "cpu" or (accelerator == "auto" and not torch.cuda.is_available())
        if on_cpu and not isinstance(devices, int) and not re.fullmatch(r"auto|\d+", str(devices)):
            raise ValueError(f"devices={devices} names GPUs, but this run is on the CPU; give a number of processes")
        made = [instantiate(callback) for callback in (cfg.callbacks or {}).values() if callback]
        check_resumable([one for one in made if one is not None])
        shown = bool(cfg.trainer.enable_progress_bar)
        callbacks = [one for one in made if one is not None and (shown or not isinstance(one, ProgressBar))]
        if not any(isinstance(one, StopOnSignal) for one in callbacks):
            callbacks.append(StopOnSignal())
        own: dict[str, Any] = {
            "enable_checkpointing": any(isinstance(one, Checkpoint) for one in callbacks),
            "enable_progress_bar": any(isinstance(one, ProgressBar) for one in callbacks),
        }  # else Lightning adds its own
        if not (cfg.trainer.deterministic or torch.are_deterministic_algorithms_enabled()):
            own["deterministic"] = None  # false says what is so already, and would have torch load its compiler
        checkpoint_io = AtomicCheckpointIO(OmegaConf.to_container(cfg, resolve=True))  # type: ignore[arg-type]
        half = HalfWeights(cfg.trainer.precision) if cfg.trainer.precision in ("16-true", "bf16-true") else None
        if half:
            own["precision"] = None  # Lightning takes either
        trainer: pl.Trainer = instantiate(
            OmegaConf.masked_copy(cfg.trainer, [key for key in cfg.trainer if key not in ("loop", "cuda_graphs")]),
            default_root_dir=str(folder),
            callbacks=callbacks,
            logger=[instantiate(logger, folder=str(folder)) for logger in (cfg.logger or {}).values() if logger],
            plugins=[plugin for plugin in (checkpoint_io, cluster_environment(), half) if plugin],
            **own,
            **settings,
        )
    EpochLoop(trainer, short=cfg.trainer.loop == "auto")
    leave_signals_to_us(trainer)
    use_supervised_launcher(trainer)
    set_threads(cfg.threads, trainer)
    return trainer
