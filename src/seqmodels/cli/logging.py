"""Where the messages go when Hydra does not say: the console, and a run's train.log."""

import logging.config
import os
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from seqmodels.config.places import conf_dir
from seqmodels.system.terminal import printable


class Printable(logging.Formatter):
    """A message on its own line, whatever names from files stand in it."""

    def format(self, record: logging.LogRecord) -> str:
        record = copy(record)
        if isinstance(record.args, tuple):
            record.args = tuple(one if isinstance(one, int | float) else printable(one) for one in record.args)
        return printable(super().format(record), keep="\n\t")


def log_to(folder: Path, name: str = "train.log") -> None:
    """To the console and a file of the folder, which goes on where it stands; further ranks have files of their own."""
    config = _config()
    rank = os.environ.get("LOCAL_RANK", "0")
    own = name if rank == "0" else f"train_ddp_process_{rank}.log"
    OmegaConf.update(config, "handlers.file.filename", str(folder / own))
    try:
        logging.config.dictConfig(OmegaConf.to_container(config))  # type: ignore[arg-type]
    except ValueError as error:
        if not isinstance(error.__cause__, OSError):
            raise
        raise OSError(
            f"{folder / own} cannot be written: {error.__cause__.strerror}; a run goes on in its own folder, so see to "
            f"its permissions, or copy it to where you may write: cp -r {folder} ."
        ) from error


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
    file.setFormatter(Printable(_config().formatters.dated.format))
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
