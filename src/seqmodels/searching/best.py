"""experiment/best.yaml in the study's folder: the best trial as an experiment.

python -m seqmodels.train --config-dir outputs/NAME/study_STUDY +experiment=best
"""

import os
from collections.abc import Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

import hydra
from seqmodels.paths import conf_dir
from seqmodels.saved import parsed
from seqmodels.searching.setting import Search

BEST = "experiment/best.yaml"


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
    target = search.folder / BEST
    target.parent.mkdir(exist_ok=True)
    unfinished = target.with_name(f".best.yaml.{os.getpid()}")
    unfinished.write_text(
        "# @package _global_\n"
        f"# The best of {completed} completed trials, {best.user_attrs['folder']}: {search.monitor} {best.value:.6g}\n"
        f"#   python -m seqmodels.train --config-dir {_shown(search)} +experiment=best\n"
        + OmegaConf.to_yaml(experiment([*search.words, *best.user_attrs["words"]], search.places))
    )
    unfinished.replace(target)
