"""One trial: trained or gone on with, its validations told to the study, and how it ended."""

import gc
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from optuna.study import Study
from optuna.trial import Trial, TrialState

from seqmodels.callbacks.pruning import judged_by
from seqmodels.cli.logging import logged_to
from seqmodels.config.overrides import items, trusted_in
from seqmodels.exceptions import Pruned, is_full, reason
from seqmodels.runs.extend import HERE
from seqmodels.runs.record import is_run, results_of
from seqmodels.runs.results import Results
from seqmodels.runs.run import resume, train
from seqmodels.searching.claims import Claim
from seqmodels.searching.setting import Search

log = logging.getLogger(__name__)
STEPS = "steps"


@dataclass
class Judge:
    """Tells the study each new value of `monitor`, and asks its pruner.

    The pruner compares trials after equally many validations, not steps: batches of another size make other steps. A
    trial that goes on repeats the validations after its last checkpoint; their values are the same and told once.
    """

    study: Study
    trial: Trial
    values: dict[int, float] = field(default_factory=dict)
    steps: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        (frozen,) = (t for t in self.study.get_trials(deepcopy=False) if t.number == self.trial.number)
        self.values = dict(frozen.intermediate_values)
        self.steps = list(frozen.user_attrs.get(STEPS, []))

    def __call__(self, step: int, value: float) -> bool:
        if step not in self.steps:
            self.steps.append(step)
            self.trial.set_user_attr(STEPS, self.steps)
        number = self.steps.index(step)
        if number not in self.values:
            self.values[number] = value
            self.trial.report(value, number)
        return self.trial.should_prune()


def run_trial(study: Study, search: Search, claim: Claim) -> None:
    """Run the trial to its end and record it; whatever goes wrong in it is recorded too.

    Raises:
        Stopped: a signal; the trial stays unfinished, to go on with.
    """
    try:
        _run_trial(study, search, claim)
    finally:
        claim.lock.release()
    _free_memory()


def _run_trial(study: Study, search: Search, claim: Claim) -> None:
    judge = Judge(study, claim.trial)
    error: str | None = None
    try:
        with logged_to(claim.folder), judged_by(judge):
            state = _train(search, claim)
    except Exception as failure:
        if is_full(failure):
            raise  # which is no fault of the trial: the same command goes on with it
        state, error = TrialState.FAIL, reason(failure)
    value = _value_of(search, claim) if state == TrialState.COMPLETE else None
    if state == TrialState.COMPLETE and value is None:
        state, error = TrialState.FAIL, f"monitor={search.monitor} was never measured"
    if error is not None:
        claim.trial.set_user_attr("error", error)
    study.tell(claim.trial, value, state)


def _value_of(search: Search, claim: Claim) -> float | None:
    """As results.json says it, so that a report ranks the trials as their study does."""
    ended = results_of(claim.folder)
    reached = (getattr(ended, search.weights) or ended) if ended else None
    return reached.metrics.get(search.monitor) if reached else None


def _train(search: Search, claim: Claim) -> TrialState:
    ended = results_of(claim.folder)
    if ended and ended.status in ("completed", "pruned", "failed"):  # but the process was gone before it told the study
        return _state_of(ended)
    try:
        if is_run(claim.folder):
            resume(claim.folder, _beside(search.overrides), trusted_in(search.overrides))
        else:
            overrides = search.trial_overrides(claim.overrides)
            train(search.config(claim.overrides), claim.folder, overrides, keep_refused=True)
    except Pruned:
        return TrialState.PRUNED
    except Exception:
        log.exception("trial %s failed", claim.trial.number)  # for train.log; the study gets the first line
        raise
    return TrialState.COMPLETE


def _state_of(ended: Results) -> TrialState:
    if ended.status == "failed":
        raise ValueError(ended.error or "failed, see train.log")
    return TrialState.PRUNED if ended.status == "pruned" else TrialState.COMPLETE


def _beside(overrides: Sequence[str]) -> list[str]:
    """Of the command's overrides those that say where a trial goes on, not what it is."""
    keys, starts = ("trainer", "logger", *HERE), ("checkpoint.", "logger.")
    pairs = zip(overrides, items(overrides), strict=True)
    return [override for override, (key, _) in pairs if key in keys or key.startswith(starts)]


def _free_memory() -> None:
    """What a run still holds of the GPU must not be missing to the next one."""
    if torch.cuda.is_available():
        gc.collect()
        torch.cuda.empty_cache()
