"""The command of a sweep as its multirun.yaml tells it, of which Hydra gets only what says what the jobs are.

The file may be a stranger's. Words about Hydra itself, as `hydra.job_logging...`, name classes that Hydra makes before
any code of ours could look; a choice `core=../../x` or `core@hydra.callbacks=x` would bring them in by another door.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import ChoiceSweep, Glob, Override

from seqmodels.config.compose import is_group
from seqmodels.config.migrate import migrated_override
from seqmodels.config.overrides import key_of, parse, plain, without
from seqmodels.config.places import conf_dir
from seqmodels.config.yaml_files import read_yaml
from seqmodels.exceptions import first_line

MULTIRUN = "multirun.yaml"

LAUNCHER = "hydra/launcher="

NAME = re.compile(r"[\w+-][\w.+-]*(/[\w+-][\w.+-]*)*")
"""Of a YAML in conf/, which cannot lie above it."""


def command_of(folder: Path) -> tuple[list[str], list[str]]:
    """The overrides of the sweep's command: those about the jobs, and those about Hydra. Nothing about them is checked.

    Raises:
        ValueError: they cannot be read.
    """
    try:
        overrides = read_yaml(folder / MULTIRUN)["hydra"]["overrides"]
        task, hydra = ([str(one) for one in overrides[kind]] for kind in ("task", "hydra"))
        return [migrated_override(one) for one in task], hydra
    except (KeyError, TypeError, OSError) as error:
        raise ValueError(f"{folder / MULTIRUN} cannot be read: {first_line(error)}") from error


def jobs_of(folder: Path, places: Sequence[str] = ()) -> list[str]:
    """The overrides about the jobs, for Hydra; whom they trust does not count.

    Args:
        folder: of the sweep.
        places: further folders of YAMLs, which the command of now names.

    Raises:
        ValueError: they cannot be read, or one would reach beyond the configs of its jobs.
    """
    jobs, hydra = command_of(folder)
    for word in [*jobs, *(one for one in hydra if key_of(one).startswith("hydra.sweeper"))]:
        if reason := _reaches_beyond(word, places):
            raise ValueError(
                f"{word} in {folder / MULTIRUN} {reason}, and is not taken from a folder, so nothing was executed; if "
                f"the sweep is yours, say its whole command again beside resume={folder}"
            )
    return without(jobs, "trust")


def launcher_of(folder: Path) -> list[str]:
    """The choice of the launcher, if there is one that is known here."""
    known = {path.stem for path in (conf_dir() / "hydra" / "launcher").glob("*.yaml")} | {"basic"}
    chosen = [one for one in command_of(folder)[1] if one.startswith(LAUNCHER)]
    return [one for one in chosen[-1:] if one.removeprefix(LAUNCHER) in known]


def not_taken(folder: Path) -> list[str]:
    """What the command said of Hydra beside the launcher, where the jobs lie and how the command is run."""
    known = launcher_of(folder)
    own = ("hydra.sweep.", "hydra.mode=", "hydra.callbacks.sweep.", "hydra.job.config.")  # set by us at each start
    return [one for one in command_of(folder)[1] if one not in known and not one.startswith(own)]


def _reaches_beyond(word: str, places: Sequence[str]) -> str | None:
    if word.startswith("-"):
        return "is no override"
    key = key_of(word)
    if key.startswith(("hydra.", "hydra/")) or key in ("hydra", "resume") or "@" in key:
        return "is about Hydra itself" if "hydra" in key else "is not about what a job is"
    if "${" in word:
        return "asks for something to be looked up"
    (override,) = parse([word])
    if is_group(key, places) and not all(_is_name(one) for one in _choices(override)):
        return "chooses what is no YAML of conf/"
    return None


def _choices(override: Override) -> list[Any]:
    if override.is_delete():
        return []
    value = override.value()
    values = value.list if isinstance(value, ChoiceSweep) else [] if isinstance(value, Glob) else [plain(override)]
    return [name for one in values for name in (one if isinstance(one, list) else [one])]


def _is_name(choice: Any) -> bool:
    return choice is None or bool(NAME.fullmatch(str(getattr(choice, "text", choice))))
