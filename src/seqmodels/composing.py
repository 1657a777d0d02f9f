"""Configs from words, as the command line would make them."""

from collections.abc import Sequence

import hydra
from omegaconf import DictConfig

from seqmodels.paths import conf_dir


def compose(overrides: Sequence[str] = ()) -> DictConfig:
    """The config that `python -m seqmodels.train OVERRIDES` would use.

    Raises:
        hydra.errors.HydraException: an override names what does not exist.
    """
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return hydra.compose("train", list(overrides))
