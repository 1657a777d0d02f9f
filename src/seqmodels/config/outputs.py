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

    Paths are left out, since they say little and never fit; the run's name where the sweep's folder is not of one name.
    A job that an earlier build began goes on in its folder, whose name may hold a key's former name.
    """
    first = [str(number)]
    if name != NAMELESS and Path(sweep).parent.name == NAMELESS:
        first.append(name)
    said = [(key, value) for _, key, value in map(split, overrides)]
    former = _folder(first, [(former_key(key), value) for key, value in said])
    return former if sweep and Path(sweep, former).is_dir() else _folder(first, said)


def _folder(parts: list[str], said: list[tuple[str, str | None]]) -> str:
    for key, value in said:
        if key.partition("@")[0] in ADDED_GROUPS or re.search(r"[/\\]", value or ""):
            continue
        parts = [*parts, "-".join(filter(None, [key.rpartition(".")[2], re.sub(r"[\[\](){}'\" ]", "", value or "")]))]
    return re.sub(r"[^A-Za-z0-9._-]", "-", "_".join(parts))[:LONGEST].rstrip("-_.")


def register_resolvers() -> None:
    """Make `${job_folder:...}` known to the `hydra:` block of conf/train.yaml."""
    OmegaConf.register_new_resolver("job_folder", job_folder, replace=True)
