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

from seqmodels.composing import choices
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
    places = [word for place in search.places for word in (f"'hydra.searchpath=[{place}]'",)]
    folder = shlex.quote(str(short(search.folder)))
    return " ".join(["python -m seqmodels.train --config-dir", folder, "+experiment=best", *places])


def experiment(words: Sequence[str], places: Sequence[str] = ()) -> dict[str, Any]:
    """An experiment's YAML that says the same as these words.

    Choices of a group become its defaults, in the order of the words; values stand below them, so they win as they do
    on the command line.

    Args:
        words: of a run.
        places: further folders of YAMLs.
    """
    groups = choices(words, folders=places)
    overrides = OverridesParser.create().parse_overrides(list(words))
    defaults: dict[str, str] = {}
    values = OmegaConf.create()
    for override, (key, value) in zip(overrides, parsed(words), strict=True):
        if key in groups:
            kind = "" if override.is_add() else "override "
            defaults[f"{kind}/{override.get_key_element().lstrip('+')}"] = value
        else:
            OmegaConf.update(values, key, value, force_add=True)
    lines = [{group: option} for group, option in defaults.items()]
    return {"defaults": [*lines, "_self_"], **OmegaConf.to_container(values)}  # type: ignore[arg-type,dict-item]
