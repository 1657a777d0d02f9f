"""A search from its first trial to its figures: `search(compose([...], root="tune"), [...])`."""

import logging
import time
from collections.abc import Mapping, Sequence

from omegaconf import DictConfig
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from seqmodels.cli.logging import log_to
from seqmodels.exceptions import Stopped
from seqmodels.runs.build import check_mode
from seqmodels.searching.claims import abandon, unfinished
from seqmodels.searching.data import refuse_other_data
from seqmodels.searching.figures import leave_figures
from seqmodels.searching.outcome import best_of, command_for_best, leave_best, leave_table
from seqmodels.searching.probe import probe
from seqmodels.searching.setting import Search, read_search
from seqmodels.searching.space import overrides_for, values_of
from seqmodels.searching.study import open_study
from seqmodels.searching.workers import LOG, work, work_together
from seqmodels.system.files import short
from seqmodels.system.signals import stoppable
from seqmodels.system.untrusted import refuse_links

log = logging.getLogger(__name__)


def search(
    cfg: DictConfig, overrides: Sequence[str], name: str | None = None, places: Sequence[str] = ()
) -> FrozenTrial:
    """Run trials until the study has `n_trials` of them, and leave what they taught in the study's folder.

    Args:
        cfg: of conf/tune.yaml, composed of `overrides`.
        overrides: for the record, and for the trials.
        name: of the search, as in +search=NAME; the study's name unless `cfg.study` is one.
        places: further folders of YAMLs.

    Returns:
        The best trial.

    Raises:
        ValueError, OSError: the input does not allow the search, or no trial completed.
        Stopped: a signal; the same command goes on.
    """
    this = read_search(cfg, overrides, name, places)
    probe(this)
    check_mode(cfg)
    refuse_links(this.folder)
    study = open_study(this)
    refuse_other_data(study, this)
    log_to(this.folder, LOG)
    abandon(study, this)
    greeting(study, this)
    until = time.time() + this.timeout if this.timeout else None
    try:
        with stoppable():
            work(this, until, study) if this.workers == 1 else work_together(this, until)
    except Stopped as stopped:
        log.info("the same command goes on with the study")
        raise Stopped(stopped.signum) from None
    trials = study.get_trials(deepcopy=False)
    leave_table(trials, this)
    leave_best(study, this)
    leave_figures(study, this)
    return farewell(study, this)


def greeting(study: Study, this: Search) -> None:
    """What is searched, and how much of it is done."""
    trials = study.get_trials(deepcopy=False)
    done = sum(trial.state.is_finished() for trial in trials)
    left = len(unfinished(study))
    log.info("study %s", this.study)
    for dimension in this.space:
        log.info("  %s", dimension.summary())
    log.info("  trials  %d%s", this.n_trials, f", {done} of them done, {left} unfinished" if trials else "")
    log.info("  folder  %s", short(this.folder))


def farewell(study: Study, this: Search) -> FrozenTrial:
    """The best, and where it lies.

    Raises:
        ValueError: no trial completed.
    """
    trials = study.get_trials(deepcopy=False)
    counts = {state: [trial for trial in trials if trial.state == state] for state in TrialState}
    failed, best = counts[TrialState.FAIL], best_of(study, this.mode)
    for trial in counts[TrialState.RUNNING]:
        log.info(
            "trial %d is unfinished on %s: the same command goes on with it there; abandon=[%d] records it as failed",
            *(trial.number, trial.user_attrs.get("host", "another machine"), trial.number),
        )
    if best is None:
        raise ValueError(f"no trial of {len(trials)} completed: {_why_none(counts)} ({short(this.folder)}/trials.csv)")
    log.info(
        "%d trials: %d completed, %d pruned, %d failed",
        *(len(trials), len(counts[TrialState.COMPLETE]), len(counts[TrialState.PRUNED]), len(failed)),
    )
    log.info("best    trial %d, %s %.6g", best.number, this.monitor, best.value)
    log.info("        %s", " ".join(overrides_for(this.space, values_of(best))))
    log.info("        %s", command_for_best(this))
    log.info("folder  %s", short(this.folder))
    return best


def _why_none(counts: Mapping[TrialState, list[FrozenTrial]]) -> str:
    failed, pruned, left = (counts[state] for state in (TrialState.FAIL, TrialState.PRUNED, TrialState.RUNNING))
    told = []
    if failed:
        told.append(f"{len(failed)} failed, the first: {failed[0].user_attrs.get('error')}")
    if pruned:
        told.append(
            f"{len(pruned)} pruned, which leaves no best; a higher n_trials=N adds some, and pruner=none lets each one "
            f"end"
        )
    if left:
        told.append(f"{len(left)} have not ended yet")
    return "; ".join(told) or "none has begun yet"
