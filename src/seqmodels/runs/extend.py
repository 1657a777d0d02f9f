"""What may change when a run is resumed: its length, its devices, where its files lie."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf

from seqmodels.config.compose import DEVICES, merge
from seqmodels.config.flat import flat
from seqmodels.config.overrides import items, last_of_each_key, plain, without
from seqmodels.config.schema import parameters
from seqmodels.runs.record import overrides_of, resumed_overrides, saved_config

if TYPE_CHECKING:
    from seqmodels.checkpoints.io import Saved

LIMITS = ("trainer.max_epochs", "trainer.max_steps", "trainer.max_time")

PLACES = ("datamodule.root", "datamodule.cache")
"""Where files lie on this machine."""

HERE = (
    *(f"trainer.{key}" for key in DEVICES),
    *("trainer.enable_progress_bar", "trainer.loop", "trainer.cuda_graphs"),
    "threads",
    "datamodule.num_workers",
    *PLACES,
    "trust",
)
"""What says where and beside what a run runs, and nothing of what it is."""

KEYS = (*LIMITS, *HERE, "test", "checkpoint.every_n_steps", "checkpoint.every_n_minutes")
"""What may be given beside `resume=`; everything else would make another experiment of the run."""


def changes_beside(folder: Path, overrides: Sequence[str]) -> list[str]:
    """Of the overrides beside `resume=` those that change something; the run's own may be repeated.

    Raises:
        ValueError: an override would change the experiment.
    """
    before = flat(saved_config(folder)) | dict(items(resumed_overrides(folder)))
    own = last_of_each_key([*overrides_of(folder), *resumed_overrides(folder)])
    first = last_of_each_key(overrides_of(folder))
    changes = []
    for key, override in last_of_each_key(overrides).items():
        text = str(override.input_line)
        if key in LIMITS and key in first and first[key].input_line == text:
            continue  # the command that made the run, said again: a run that was made longer since stays so
        if key in KEYS and not override.is_sweep_override() and not override.is_delete():
            if key != "trust" and before.get(key) != plain(override):
                changes.append(text)
        elif key in own and own[key].input_line == text:
            continue
        elif key in ("trainer", "logger") or key.startswith("logger."):
            changes.append(text)
        else:
            raise ValueError(
                f"{text} would change the experiment of {folder}. Beside resume= there may be {', '.join(KEYS)}, and "
                f"the choices trainer=... (its devices count) and logger=...; to begin a new run with these weights "
                f"use init_from={folder}"
            )
    return changes


def apply_overrides(cfg: DictConfig, overrides: Sequence[str]) -> None:
    """Change the config in place; whom a command trusts is no part of a run."""
    merge(cfg, without(overrides, "trust"))


def check_extension(cfg: DictConfig, folder: Path, checkpoint: "Saved") -> None:
    """
    Raises:
        ValueError: the new end lies before the checkpoint, or the learning-rate schedule ends where the old one was.
    """
    scheduler, before = OmegaConf.select(cfg, "scheduler"), checkpoint.contents["config"]["trainer"]
    longer = any(cfg.trainer[limit] != before.get(limit) for limit in ("max_epochs", "max_steps"))
    if longer and scheduler is not None and is_laid_out(scheduler._target_):
        raise ValueError(
            f"the learning-rate schedule of {folder} ({cfg.scheduler._target_}) was laid out for the length "
            f"that the run has and cannot be extended; init_from={folder} begins a new run with its weights"
        )
    reached = {
        "max_steps": checkpoint.contents["position"]["step"],
        "max_epochs": checkpoint.contents["position"]["epoch"],
    }
    for limit, done in reached.items():
        if cfg.trainer[limit] not in (None, -1) and cfg.trainer[limit] <= done:
            raise ValueError(
                f"trainer.{limit}={cfg.trainer[limit]} does not extend {folder}, which has reached {done}; "
                f"give more than that"
            )
    if cfg.trainer.max_time is not None:
        _check_time(cfg.trainer.max_time, folder, checkpoint.contents["callbacks"])


def is_laid_out(schedule: str) -> bool:
    """Whether a learning-rate schedule, by its full name, is told how long the training is, and ends with it."""
    return "total_steps" in parameters(get_object(schedule))


def _check_time(max_time: str, folder: Path, callbacks: dict[str, Any]) -> None:
    from lightning.pytorch.callbacks import Timer  # here, so that a mistake elsewhere does not wait for it

    trained = callbacks.get("Timer", {}).get("time_elapsed", {}).get("train", 0.0)
    if (Timer(max_time).time_remaining() or 0.0) <= trained:
        raise ValueError(
            f"trainer.max_time={max_time} does not extend {folder}, which has trained for {trained:.0f} s; "
            f"give more than that"
        )
