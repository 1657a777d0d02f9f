"""Configs of overrides, as the command line would make them, and where the YAMLs lie."""

import re
from collections.abc import Sequence
from pathlib import Path

import hydra
from omegaconf import DictConfig

from seqmodels.config.overrides import quote


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
        return hydra.compose(root, [*search_path(folders), *overrides])


def is_group(key: str, folders: Sequence[str] = ()) -> bool:
    """Whether a word `key=...` chooses a YAML, as `core=gru` does, rather than setting a value."""
    return any(Path(place, key).is_dir() for place in (str(conf_dir()), *folders))


def search_path(folders: Sequence[str]) -> list[str]:
    """The words that make Hydra look for YAMLs in these folders too."""
    places = [place if re.fullmatch(r"[\w./-]+", place) else quote(place) for place in folders]
    return [f"hydra.searchpath=[{','.join(places)}]"] if places else []


_PACKAGE = Path(__file__).resolve().parents[1]


def conf_dir() -> Path:
    """The absolute path of `conf/`.

    Raises:
        FileNotFoundError: neither place holds it, so the installation is broken.
    """
    places = (_PACKAGE / "conf", _PACKAGE.parents[1] / "conf")
    for place in places:
        if (place / "train.yaml").is_file():
            return place
    raise FileNotFoundError(
        f"conf/train.yaml is in neither of {[str(p) for p in places]}; install it again: pip install -e ."
    )
