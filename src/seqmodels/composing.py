"""Configs from words, as the command line would make them."""

from collections.abc import Sequence

import hydra
from omegaconf import DictConfig

from seqmodels.paths import conf_dir


def compose(overrides: Sequence[str] = (), root: str = "train", folders: Sequence[str] = ()) -> DictConfig:
    """The config that `python -m seqmodels.train OVERRIDES` would use.

    Args:
        overrides: the words.
        root: of the command: "train" or "tune".
        folders: further places of YAMLs, as `--config-dir` names them.

    Raises:
        hydra.errors.HydraException: an override names what does not exist.
    """
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        places = [f"hydra.searchpath=[{','.join(map(quote, folders))}]"] if folders else []
        return hydra.compose(root, [*places, *overrides])


def quote(value: str) -> str:
    """The value in quotes, so that Hydra takes any text as it is."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
