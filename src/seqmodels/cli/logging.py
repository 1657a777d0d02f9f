"""Where the messages go when Hydra does not say: the console, and a run's train.log."""

import logging.config
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from seqmodels.config.places import conf_dir


def log_to(folder: Path, name: str = "train.log") -> None:
    """To the console and a file of the folder, which goes on where it stands; further ranks have files of their own."""
    config = _config()
    rank = os.environ.get("LOCAL_RANK", "0")
    own = name if rank == "0" else f"train_ddp_process_{rank}.log"
    OmegaConf.update(config, "handlers.file.filename", str(folder / own))
    logging.config.dictConfig(OmegaConf.to_container(config))  # type: ignore[arg-type]


def log_to_console() -> None:
    """To the console alone."""
    config = _config()
    del config.handlers["file"]
    config.root.handlers = ["console"]
    logging.config.dictConfig(OmegaConf.to_container(config))  # type: ignore[arg-type]


@contextmanager
def logged_to(folder: Path) -> Iterator[None]:
    """To the folder's train.log alone, for as long as this lasts."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    file = logging.FileHandler(folder / "train.log")
    file.setFormatter(logging.Formatter(_config().formatters.dated.format))
    root.handlers[:] = [file]
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        file.close()


def _config() -> DictConfig:
    config = OmegaConf.load(conf_dir() / "hydra" / "job_logging" / "seqmodels.yaml")
    assert isinstance(config, DictConfig)
    return config
