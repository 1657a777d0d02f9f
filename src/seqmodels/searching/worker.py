"""Trial after trial, until there are enough; as many processes as like may do so at once."""

import logging.config
import time
from collections.abc import Mapping
from pathlib import Path

from omegaconf import OmegaConf
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from seqmodels.paths import conf_dir
from seqmodels.searching.best import best_of, leave_best
from seqmodels.searching.claims import next_trial
from seqmodels.searching.setting import Search
from seqmodels.searching.study import open_study
from seqmodels.searching.table import leave_table
from seqmodels.searching.trial import run_trial

log = logging.getLogger(__name__)


def work(search: Search, until: float | None = None, study: Study | None = None) -> None:
    """Run trials of the study until it has `n_trials`, or the clock says `until`.

    Args:
        search: all about it.
        until: in seconds since the epoch.
        study: where this process has it open already.

    Raises:
        Stopped: a signal; the trial that ran is saved and unfinished.
    """
    study = study or open_study(search)
    while until is None or time.time() < until:
        claim = next_trial(study, search)
        if claim is None:
            return
        run_trial(study, search, claim)
        trials = study.get_trials(deepcopy=False)
        leave_table(trials, search)
        best = best_of(study, search.mode)
        if best and best.number == claim.trial.number:
            leave_best(study, search)
        log.info("%s", line(trials[claim.trial.number], study, search))


def line(trial: FrozenTrial, study: Study, search: Search) -> str:
    """One trial: its number, how it ended, the best so far, and what was tried."""
    best = best_of(study, search.mode)
    parts = [f"trial {trial.number}".ljust(9), _outcome(trial, search.monitor)]
    if best:
        parts.append(f"best {best.value:.4f} (trial {best.number})")
    return "  ".join([*parts, told(trial.params)])


def _outcome(trial: FrozenTrial, monitor: str) -> str:
    if trial.state == TrialState.FAIL:
        return f"failed: {trial.user_attrs.get('error')}"
    if trial.state == TrialState.PRUNED:
        return f"{monitor} {trial.value:.4f}, pruned after {len(trial.intermediate_values)} validations"
    return f"{monitor} {trial.value:.4f}"


def told(chosen: Mapping[str, object]) -> str:
    """What was chosen, in short: `core=gru lr=0.00312`."""
    short = [f"{value:.4g}" if isinstance(value, float) else str(value) for value in chosen.values()]
    return " ".join(f"{key.rpartition('.')[2]}={value}" for key, value in zip(chosen, short, strict=True))


def log_to(folder: Path) -> None:
    """The console, and tune.log in the study's folder, which grows from start to start."""
    config = OmegaConf.load(conf_dir() / "hydra" / "job_logging" / "seqmodels.yaml")
    OmegaConf.update(config, "handlers.file.filename", str(folder / "tune.log"))
    logging.config.dictConfig(OmegaConf.to_container(config))  # type: ignore[arg-type]
