"""Configs of overrides, as the command line would make them."""

import re
from collections.abc import Sequence
from pathlib import Path

import hydra
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from seqmodels.config.callbacks import settle
from seqmodels.config.flat import flat
from seqmodels.config.nearest import nearest
from seqmodels.config.normalize import ADDED_GROUPS, normalized, refuse_old_name
from seqmodels.config.overrides import key_of, parse, plain, quote
from seqmodels.config.places import conf_dir
from seqmodels.config.ranges import or_of
from seqmodels.exceptions import first_line


def compose(overrides: Sequence[str] = (), root: str = "train", folders: Sequence[str] = ()) -> DictConfig:
    """The config that `python -m seqmodels.train OVERRIDES` would use.

    Args:
        overrides: such as "core=gru".
        root: of the command: "train" or "tune".
        folders: further places of YAMLs, as `--config-dir` names them.

    Raises:
        ValueError: an override names a key that does not exist.
        hydra.errors.HydraException: an override chooses a YAML that does not exist.
    """
    try:
        with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
            cfg = hydra.compose(root, [*search_path(folders), *normalized(overrides, folders)])
    except HydraException as error:
        if better := refused(error, overrides, root, folders):
            raise better from error
        raise
    settle(cfg)
    return cfg


REFUSED = re.compile(r"Could not override '(.+?)'\.")


def refused(
    error: HydraException, overrides: Sequence[str], root: str, folders: Sequence[str] = ()
) -> ValueError | None:
    """A better way to say that there is no such key, where Hydra advises a `+`, or no such YAML, where it lists all.

    None for its other complaints.

    Args:
        error: Hydra's.
        overrides, root, folders: as in `compose`.
    """
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        missing = str(error.missing_cfg_file)
        keys = [key for key in map(key_of, overrides) if missing.startswith(f"{key}/")]
        group = max(keys, key=len, default=missing.rpartition("/")[0])
        name = missing.removeprefix(f"{group}/")
        options = _beside(group, name, folders) or error.options
        return ValueError(f"Could not find '{missing}'; choose {group}={or_of(name, options)}")
    found = REFUSED.match(str(error))
    if not found:
        return None
    try:
        cfg = compose([one for one in overrides if key_of(one) != found[1]], root, folders)
    except (HydraException, OmegaConfBaseException, ValueError):
        return None  # more than one thing is wrong
    leaves = [key.split(".") for key in flat(cfg)]
    meant = nearest(found[1], {".".join(leaf[: depth + 1]) for leaf in leaves for depth in range(len(leaf))})
    return ValueError(
        f"{found[1]} is no key of this config; " + (f"did you mean {meant}?" if meant else "--cfg job shows all keys")
    )


def _beside(group: str, name: str, folders: Sequence[str]) -> list[str]:
    """The YAMLs of a folder in a group, `mine/a` and `mine/b` for `mine/x`; none where the name has no folder."""
    inside = name.rpartition("/")[0]
    places = [Path(place, group, inside) for place in (str(conf_dir()), *folders)] if inside else []
    return sorted({f"{inside}/{path.stem}" for place in places for path in place.glob("*.yaml")})


DEVICES = ("accelerator", "devices", "num_nodes", "strategy")
"""What `trainer=...` changes in the config of a run that is there; its other keys say what the run is."""


def merge(cfg: DictConfig, overrides: Sequence[str]) -> None:
    """Change the config of a run that is there, in place, one override after the other.

    Raises:
        ValueError: an override is none, has several values, makes another experiment, or there is nothing to choose or
            to take away.
    """
    for text in overrides:
        refuse_old_name(text)
        try:
            (override,) = parse([text])
            with open_dict(cfg):
                _merge(cfg, override, text)
        except (HydraException, OmegaConfBaseException, ValueError, AttributeError, TypeError) as error:
            raise ValueError(f"{text} cannot be read: {first_line(error)}") from error


def _merge(cfg: DictConfig, override: Override, text: str) -> None:
    key = override.key_or_group
    if override.is_sweep_override():
        raise ValueError("it must give a key one value")
    if override.is_hydra_override() or key in ADDED_GROUPS:
        raise ValueError("it is for a command that begins a run")
    if override.is_delete():
        above, _, last = key.rpartition(".")
        node = OmegaConf.select(cfg, above) if above else cfg
        if not OmegaConf.is_dict(node) or last not in node:
            raise ValueError(f"there is no {key}")
        del node[last]
    elif is_group(key):
        choice = compose([text])[key]
        if key == "trainer":
            for name in DEVICES:
                cfg.trainer[name] = choice[name]
        else:
            cfg[key] = choice
    else:
        OmegaConf.update(cfg, key, plain(override), force_add=True)


def is_group(key: str, folders: Sequence[str] = ()) -> bool:
    """Whether an override `key=...` chooses a YAML, as `core=gru` does, rather than setting a value."""
    return any(Path(place, key).is_dir() for place in (str(conf_dir()), *folders))


def search_path(folders: Sequence[str]) -> list[str]:
    """The overrides that make Hydra look for YAMLs in these folders too."""
    places = [place if re.fullmatch(r"[\w./-]+", place) else quote(place) for place in folders]
    return [f"hydra.searchpath=[{','.join(places)}]"] if places else []
