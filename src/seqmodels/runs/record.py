"""A run as its folder remembers it: config, the overrides that led to it, how it ended.

.hydra/config.yaml      written once, never changed
.hydra/overrides.yaml   the overrides of the command
.hydra/resumed.yaml     the overrides given beside each `resume=`, one list a time
results.json            how the last attempt ended; missing while the first one runs
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from seqmodels.checkpoints.places import FOLDER, place_of
from seqmodels.config.migrate import migrated, migrated_override
from seqmodels.config.outputs import all_places
from seqmodels.config.overrides import text_of, without
from seqmodels.config.yaml_files import read_yaml
from seqmodels.exceptions import first_line
from seqmodels.runs.results import VERSION, Results, read_results
from seqmodels.system import files

CONFIG = Path(".hydra", "config.yaml")
OVERRIDES = Path(".hydra", "overrides.yaml")
RESUMED = Path(".hydra", "resumed.yaml")


def is_run(folder: Path) -> bool:
    """Whether the folder holds a run's config."""
    return (folder / CONFIG).is_file()


def is_taken(folder: Path) -> bool:
    """Whether anything in the folder would be overwritten by a run, beside what one left that was ended at once."""
    if not folder.is_dir() or failed_before_first_checkpoint(folder):
        return False
    own = {folder / ".hydra", folder / ".lock", *folder.glob("*.log"), *folder.glob(".*.yaml.*")}
    return is_run(folder) or any(place not in own for place in folder.iterdir())


def is_finished(folder: Path) -> bool:
    """Whether the run's last attempt came to its end."""
    return _status(folder) == "completed"


def failed_before_first_checkpoint(folder: Path) -> bool:
    """Whether the run's last attempt failed before anything was saved, so that it holds nothing to go on with."""
    return _status(folder) == "failed" and not place_of(folder, "last").exists()


def results_of(folder: Path) -> Results | None:
    """What results.json says; None as long as there is none, or none that can be read."""
    try:
        return read_results(folder)
    except (OSError, ValueError):
        return None


def _status(folder: Path) -> str | None:
    found = results_of(folder)
    return found.status if found else None


def mark_running(folder: Path, overrides: Sequence[str]) -> None:
    """A run is about to go on: until it ends again a finished one counts as interrupted.

    What a killed process was writing is removed, and the overrides beside `resume=` are kept for the next time.
    """
    for name in (f"{FOLDER}/.*.ckpt.*", ".results.json.*", ".hydra/.*.yaml.*", ".metrics.csv.*"):
        for path in folder.glob(name):
            path.unlink()
    found = results_of(folder)
    if found and found.status == "completed":
        replace(found, status="interrupted", version=VERSION).write(folder)
    if overrides:
        attempts = [*_list(folder / RESUMED), list(overrides)]
        files.replace(folder / RESUMED, OmegaConf.to_yaml(OmegaConf.create(attempts)))


def last_run_of(overrides: Sequence[str]) -> Path | None:
    """The newest run that this command has made, finished or not; None if there is none. What cannot be read is none.

    Args:
        overrides: of the command; `hydra.run.dir` among them names the only folder in question. Whom the command trusts
            makes no other run.
    """
    chosen = [text_of(one) for one in overrides if one.startswith("hydra.run.dir=")]
    places = [Path(chosen[-1])] if chosen else all_places("*")
    own = sorted(one for one in without(overrides, "trust") if not one.startswith("hydra."))
    runs = [place for place in places if is_run(place) and _is_made_by(place, own)]
    return max(runs, key=lambda run: (run / CONFIG).stat().st_mtime, default=None)


def _is_made_by(folder: Path, overrides: Sequence[str]) -> bool:
    try:
        return sorted(without(overrides_of(folder), "trust")) == overrides
    except (OSError, ValueError):
        return False


def saved_config(folder: Path) -> DictConfig:
    """The config that the run was made with; its references are not resolved, since they may ask for what lies outside.

    Raises:
        FileNotFoundError: the folder holds no run.
        ValueError: its config cannot be read.
    """
    if not is_run(folder):
        raise FileNotFoundError(f"{folder} is not the folder of a run: there is no {folder / CONFIG}")
    content = migrated(read_yaml(folder / CONFIG))
    try:
        return OmegaConf.create(content)
    except (ValueError, OmegaConfBaseException) as error:
        raise ValueError(f"{folder / CONFIG} cannot be read: {first_line(error)}") from error


def overrides_of(folder: Path) -> list[str]:
    """The overrides of the command that made the run."""
    return [migrated_override(one) for one in _list(folder / OVERRIDES) if isinstance(one, str)]


def resumed_overrides(folder: Path) -> list[str]:
    """The overrides of all resumes before, in their order."""
    return [migrated_override(one) for attempt in _list(folder / RESUMED) for one in attempt]


def _list(path: Path) -> list[Any]:
    """What a YAML file lists; nothing if there is none."""
    return read_yaml(path, list) if path.exists() else []
