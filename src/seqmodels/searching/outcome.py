"""What a search found: all trials as trials.csv, and the best one as an experiment, experiment/best.yaml:

python -m seqmodels.train --config-dir outputs/NAME/study_STUDY +experiment=best
"""

import csv
import io
import shlex
from collections.abc import Sequence
from typing import Any

from omegaconf import OmegaConf
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from seqmodels.config.compose import is_group, search_path
from seqmodels.config.overrides import key_of, parse, plain, trusted_in, without
from seqmodels.searching.setting import Search
from seqmodels.searching.space import overrides_for, values_of
from seqmodels.system.files import replace, short
from seqmodels.system.terminal import plain_cell, printable


def best_of(study: Study, mode: str) -> FrozenTrial | None:
    """The completed trial with the best value, the first of equals; None as long as there is none."""
    completed = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    sign = -1 if mode == "max" else 1
    return min(completed, key=lambda trial: sign * (trial.value or 0.0), default=None)


def leave_best(study: Study, search: Search) -> None:
    """Write best.yaml anew, if there is a completed trial."""
    best = best_of(study, search.mode)
    if best is None:
        return
    completed = len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))
    path = search.folder / "experiment" / "best.yaml"
    path.parent.mkdir(exist_ok=True)
    text = (
        "# @package _global_\n"
        f"# The best of {completed} completed trials, {printable(best.user_attrs['folder'])}: "
        f"{search.monitor} {best.value:.6g}\n"
        f"#   {command_for_best(search)}\n"
    )
    own = overrides_for(search.space, values_of(best))
    replace(path, text + OmegaConf.to_yaml(experiment([*without(search.overrides, "trust"), *own], search.places)))


def command_for_best(search: Search) -> str:
    """What trains with the best trial's values, and tests."""
    overrides = ["--config-dir", str(short(search.folder)), "+experiment=best", *search_path(search.places)]
    if trusted := trusted_in(one for one in search.overrides if key_of(one) == "trust"):
        overrides.append(f"trust=[{','.join(trusted)}]")
    return " ".join(["python -m seqmodels.train", *map(shlex.quote, overrides)])


def experiment(overrides: Sequence[str], places: Sequence[str] = ()) -> dict[str, Any]:
    """An experiment's YAML that says the same as these overrides.

    The YAMLs that the overrides choose become its defaults, the last override of a group counts; the values stand below
    them, so they win as they do on the command line.

    Args:
        overrides: of a run.
        places: further folders of YAMLs.
    """
    defaults: list[Any] = []
    values = OmegaConf.create()
    for override in parse(overrides):
        key, value = override.key_or_group, plain(override)
        if not is_group(key, places):
            OmegaConf.update(values, key, value, force_add=True)
        elif key == "experiment":
            defaults.append(value)  # by its name beside this one: a second choice of the group would be refused
        else:
            kind = "/" if override.is_add() else "override /"
            defaults = [line for line in defaults if kind + key not in line]
            defaults.append({kind + key: value})
    return {"defaults": [*defaults, "_self_"], **OmegaConf.to_container(values)}  # type: ignore[dict-item]


def leave_table(trials: Sequence[FrozenTrial], search: Search) -> None:
    """Write trials.csv anew."""
    keys = [dimension.key for dimension in search.space]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["number", "state", search.monitor, "validations", "seconds", *map(plain_cell, keys), "folder", "error"]
    )
    writer.writerows(map(plain_cell, _row(trial, keys)) for trial in trials if trial.state != TrialState.WAITING)
    replace(search.folder / "trials.csv", text.getvalue())


def _row(trial: FrozenTrial, keys: Sequence[str]) -> list[object]:
    return [
        trial.number,
        trial.state.name.lower(),
        trial.value,
        len(trial.intermediate_values),
        round(trial.duration.total_seconds(), 3) if trial.duration else None,
        *(values_of(trial).get(key) for key in keys),
        trial.user_attrs.get("folder"),
        trial.user_attrs.get("error"),
    ]
