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
        return hydra.compose(root, [*_search_path(folders), *overrides])


def choices(overrides: Sequence[str], folders: Sequence[str] = ()) -> dict[str, str]:
    """Which YAML of each group these words choose: `{"core": "lstm", "experiment": "mnist_lstm", ...}`."""
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        cfg = hydra.compose("train", [*_search_path(folders), *overrides], return_hydra_config=True)
    return {group.partition("@")[0]: option for group, option in cfg.hydra.runtime.choices.items()}


def _search_path(folders: Sequence[str]) -> list[str]:
    return [f"hydra.searchpath=[{','.join(map(quote, folders))}]"] if folders else []


def quote(value: str) -> str:
    """The value in quotes, so that Hydra takes any text as it is."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
