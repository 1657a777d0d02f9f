"""Config to objects; the only file that instantiates what a config names."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig

from seqmodels.config.schema import check_config, explained, parameters
from seqmodels.runs.trainer import build_trainer, intervals

FROM_DATA = (
    "input_size",
    "output_size",
    "input_stats",
    "target_stats",
    "target_scale",
    "change_stats",
    "target_inputs",
    "fills_with_mean",
)
"""What a module is told of the data, as far as the data knows it and the module's class takes it."""


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
    with explained(cfg, "trainer"):
        when = intervals(cfg.trainer, datamodule)
    trainer = build_trainer(cfg, folder, **when)
    pl.seed_everything(cfg.seed, workers=True, verbose=False)
    return Parts(datamodule, build_module(cfg, datamodule), trainer)


def build_datamodule(cfg: DictConfig) -> Any:
    """The source of the data; nothing is read yet."""
    with explained(cfg, "datamodule"):
        return instantiate(cfg.datamodule, seed=cfg.seed)


def build_module(cfg: DictConfig, datamodule: Any) -> Any:
    """The model, of the size that the data has and with its statistics."""
    _check_task(cfg, datamodule)
    known = {name: getattr(datamodule, name) for name in FROM_DATA if hasattr(datamodule, name)}
    taken = parameters(get_class(cfg.module._target_))
    with explained(cfg, "module"):
        return instantiate(cfg.module, **{name: value for name, value in known.items() if name in taken})


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
