"""Where the messages go when Hydra does not say: the console, and a run's train.log."""

import logging.config
import os
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from seqmodels.config.places import conf_dir


def log_to(folder: Path) -> None:
    """As Hydra does for a new run: to the console, and train.log in the folder goes on."""
    config = _config()
    rank = os.environ.get("LOCAL_RANK", "0")
    name = "train.log" if rank == "0" else f"train_ddp_process_{rank}.log"
    OmegaConf.update(config, "handlers.file.filename", str(folder / name))
    logging.config.dictConfig(OmegaConf.to_container(config))  # type: ignore[arg-type]


def log_to_console() -> None:
    """To the console alone."""
    config = _config()
    del config.handlers["file"]
    config.root.handlers = ["console"]
    logging.config.dictConfig(OmegaConf.to_container(config))  # type: ignore[arg-type]


def _config() -> DictConfig:
    config = OmegaConf.load(conf_dir() / "hydra" / "job_logging" / "seqmodels.yaml")
    assert isinstance(config, DictConfig)
    return config
