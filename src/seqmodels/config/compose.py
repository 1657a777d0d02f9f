"""Configs of overrides, as the command line would make them."""

import re
from collections.abc import Sequence
from pathlib import Path

import hydra
from omegaconf import DictConfig

from seqmodels.config.callbacks import settle
from seqmodels.config.normalize import normalized
from seqmodels.config.overrides import quote
from seqmodels.config.places import conf_dir


def compose(overrides: Sequence[str] = (), root: str = "train", folders: Sequence[str] = ()) -> DictConfig:
    """The config that `python -m seqmodels.train OVERRIDES` would use.

    Args:
        overrides: such as "core=gru".
        root: of the command: "train" or "tune".
        folders: further places of YAMLs, as `--config-dir` names them.

    Raises:
        hydra.errors.HydraException: an override names what does not exist.
    """
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        cfg = hydra.compose(root, [*search_path(folders), *normalized(overrides, folders)])
    settle(cfg)
    return cfg


def is_group(key: str, folders: Sequence[str] = ()) -> bool:
    """Whether an override `key=...` chooses a YAML, as `core=gru` does, rather than setting a value."""
    return any(Path(place, key).is_dir() for place in (str(conf_dir()), *folders))


def search_path(folders: Sequence[str]) -> list[str]:
    """The overrides that make Hydra look for YAMLs in these folders too."""
    places = [place if re.fullmatch(r"[\w./-]+", place) else quote(place) for place in folders]
    return [f"hydra.searchpath=[{','.join(places)}]"] if places else []
