"""The best trial as an experiment, experiment/best.yaml in the study's folder:

python -m seqmodels.train --config-dir outputs/NAME/study_STUDY +experiment=best
"""

import shlex
from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from seqmodels.composing import is_group, search_path
from seqmodels.files import replace
from seqmodels.paths import short
from seqmodels.saved import parsed
from seqmodels.searching.setting import Search


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
        f"# The best of {completed} completed trials, {best.user_attrs['folder']}: {search.monitor} {best.value:.6g}\n"
        f"#   {command_for_best(search)}\n"
    )
    replace(path, text + OmegaConf.to_yaml(experiment([*search.words, *best.user_attrs["words"]], search.places)))


def command_for_best(search: Search) -> str:
    """What trains with the best trial's values, and tests."""
    words = ["--config-dir", str(short(search.folder)), "+experiment=best", *search_path(search.places)]
    return " ".join(["python -m seqmodels.train", *map(shlex.quote, words)])


def experiment(words: Sequence[str], places: Sequence[str] = ()) -> dict[str, Any]:
    """An experiment's YAML that says the same as these words.

    The YAMLs that the words choose become its defaults, the last word of a group counts; the values stand below them,
    so they win as they do on the command line.

    Args:
        words: of a run.
        places: further folders of YAMLs.
    """
    defaults: list[Any] = []
    values = OmegaConf.create()
    overrides = OverridesParser.create().parse_overrides(list(words))
    for override, (key, value) in zip(overrides, parsed(words), strict=True):
        if not is_group(key, places):
            OmegaConf.update(values, key, value, force_add=True)
        elif key == "experiment":
            defaults.append(value)  # by its name beside this one: a second choice of the group would be refused
        else:
            kind = "/" if override.is_add() else "override /"
            defaults = [line for line in defaults if kind + key not in line]
            defaults.append({kind + key: value})
    return {"defaults": [*defaults, "_self_"], **OmegaConf.to_container(values)}  # type: ignore[dict-item]
