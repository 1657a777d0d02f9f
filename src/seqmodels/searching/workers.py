"""Trial after trial, until there are enough: in this process, in several of this machine, or of any machines."""

import logging
import math
import threading
import time
from collections.abc import Mapping

import optuna
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from seqmodels.cli.logging import log_to
from seqmodels.parallel.machine import request_of, slots_of
from seqmodels.parallel.pool import Task, run
from seqmodels.parallel.slots import Request, Slots
from seqmodels.searching.claims import next_trial
from seqmodels.searching.outcome import best_of, leave_best, leave_table
from seqmodels.searching.setting import Search
from seqmodels.searching.space import values_of
from seqmodels.searching.storage import open_storage
from seqmodels.searching.study import open_study
from seqmodels.searching.trial import run_trial
from seqmodels.system.terminal import say

log = logging.getLogger(__name__)

LOG = "tune.log"
"""In the study's folder; it grows from start to start."""


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
    return "  ".join([*parts, told(values_of(trial))])


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


POLL = 1.0  # seconds between two looks at the study


def work_together(search: Search, until: float | None) -> None:
    """Run `workers` of them until the study has its trials, and say of each trial how it ended.

    Raises:
        OSError: a worker died before that, and the others could not do its work.
        Stopped: a signal; the trials that ran are saved and unfinished.
    """
    request = request_of(search.config())
    slots = _slots(search.workers, request)
    log.info("  workers %d, %s", search.workers, slots)
    tasks = [
        Task(
            f"worker {number}",
            f"{__name__}:work_alone",
            (search, until),
            search.folder / f"worker_{number}.log",
            request,
        )
        for number in range(search.workers)
    ]
    done = threading.Event()
    watch = threading.Thread(target=_watch, args=(search, done))
    watch.start()
    try:
        outcomes = run(tasks, slots)
    finally:
        done.set()
        watch.join()
    errors = [f"{task.name} {outcome.error}" for task, outcome in zip(tasks, outcomes, strict=True) if outcome.error]
    for error in errors:
        log.warning("%s, see %s", error, search.folder)
    if len(errors) == len(tasks):
        raise OSError(f"{'; '.join(errors)}. The same command goes on with the study")


def work_alone(search: Search, until: float | None) -> None:
    """A worker in a process of its own."""
    log_to(search.folder, LOG)
    work(search, until)


def _slots(workers: int, request: Request) -> Slots:
    """One place for each worker; those that are more than the GPUs share them."""
    requests, wanted = [request] * workers, workers * max(1, request.devices)
    slots = slots_of(wanted, "auto", 1, requests)
    if slots.gpus and wanted > len(slots.gpus):
        return slots_of(wanted, "auto", math.ceil(wanted / len(slots.gpus)), requests)
    return slots


def _watch(search: Search, done: threading.Event) -> None:
    """A line for each trial that ends, whichever process on whichever machine ran it."""
    study = optuna.load_study(study_name=search.study, storage=open_storage(search.storage, search.folder))
    told = {trial.number for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()}
    over = False
    while not over:
        over = done.wait(POLL)
        for trial in study.get_trials(deepcopy=False):
            if trial.state.is_finished() and trial.number not in told:
                told.add(trial.number)
                say(line(trial, study, search))  # not logged: the worker has put it into tune.log
