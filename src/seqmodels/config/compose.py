"""Configs of overrides, as the command line would make them."""

import re
from collections.abc import Sequence
from pathlib import Path

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict

from seqmodels.config.callbacks import settle
from seqmodels.config.normalize import normalized, refuse_old_name
from seqmodels.config.overrides import parse, plain, quote
from seqmodels.config.places import conf_dir
from seqmodels.exceptions import first_line


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


def merge(cfg: DictConfig, overrides: Sequence[str]) -> None:
    """Change a config in place by overrides of values, `datamodule.noise_std=0.3`.

    Raises:
        ValueError: an override is none, has several values or takes something away, or its key lies below a value.
    """
    for text in overrides:
        refuse_old_name(text)
        try:
            (override,) = parse([text])
            if override.is_sweep_override() or override.is_delete():
                raise ValueError("it must give a key one value")
            with open_dict(cfg):
                OmegaConf.update(cfg, override.key_or_group, plain(override), force_add=True)
        except (HydraException, ValueError, AttributeError, TypeError) as error:
            raise ValueError(f"{text} cannot be read: {first_line(error)}") from error


def is_group(key: str, folders: Sequence[str] = ()) -> bool:
    """Whether an override `key=...` chooses a YAML, as `core=gru` does, rather than setting a value."""
    return any(Path(place, key).is_dir() for place in (str(conf_dir()), *folders))


def search_path(folders: Sequence[str]) -> list[str]:
    """The overrides that make Hydra look for YAMLs in these folders too."""
    places = [place if re.fullmatch(r"[\w./-]+", place) else quote(place) for place in folders]
    return [f"hydra.searchpath=[{','.join(places)}]"] if places else []
