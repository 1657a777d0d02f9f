"""Readable, safe folder names for the jobs of a sweep: `0_core-lstm_seed-1`."""

import re
from pathlib import Path

from omegaconf import OmegaConf

from seqmodels.config.migrate import former_key
from seqmodels.config.normalize import ADDED_GROUPS
from seqmodels.config.overrides import split

LONGEST = 100

NAMELESS = "train"
"""`name` before an experiment sets it, as in the folder of a sweep over experiments."""


def job_folder(number: int, overrides: list[str], name: str = "", sweep: str = "") -> str:
    """The number and what was chosen: keys without their group, values without what no file system should see.

    Paths are left out, since they say little and never fit, and whom the command trusts; the run's name stands where
    the sweep's folder is not of one name. A job that an earlier build began goes on in the folder that it has.
    """
    first = [str(number)]
    if name != NAMELESS and Path(sweep).parent.name == NAMELESS:
        first.append(name)
    chosen = [(key, value) for _, key, value in map(split, overrides)]
    former = _joined(first, [(former_key(key), value) for key, value in chosen])
    if sweep and Path(sweep, former).is_dir():
        return former
    return _joined(first, [(key, value) for key, value in chosen if key != "trust"])


def _joined(first: list[str], chosen: list[tuple[str, str | None]]) -> str:
    parts = [*first, *(_part(key, value or "") for key, value in chosen if _is_shown(key, value or ""))]
    return re.sub(r"[^A-Za-z0-9._-]", "-", "_".join(parts))[:LONGEST].rstrip("-_.")


def _is_shown(key: str, value: str) -> bool:
    return key.partition("@")[0] not in ADDED_GROUPS and not re.search(r"[/\\]", value)


def _part(key: str, value: str) -> str:
    return "-".join(filter(None, [key.rpartition(".")[2], re.sub(r"[\[\](){}'\" ]", "", value)]))


def register_resolvers() -> None:
    """Make `${job_folder:...}` known to the `hydra:` block of conf/train.yaml."""
    OmegaConf.register_new_resolver("job_folder", job_folder, replace=True)
