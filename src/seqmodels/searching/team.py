"""Several workers of one study on this machine, each in a process with its own GPU or group of cores."""

import logging
import math
import threading

import optuna

from seqmodels.launchers.pool import Task, run
from seqmodels.launchers.slots import Need, Slots, need_of, slots_of
from seqmodels.searching.setting import Search
from seqmodels.searching.storage import open_storage
from seqmodels.searching.worker import line, log_to, work

log = logging.getLogger(__name__)
POLL = 1.0  # seconds between two looks at the study


def work_together(search: Search, until: float | None) -> None:
    """Run `workers` of them until the study has its trials, and say of each trial how it ended.

    Raises:
        OSError: a worker died before that, and the others could not do its work.
        Stopped: a signal; the trials that ran are saved and unfinished.
    """
    need = need_of(search.config())
    slots = _slots(search.workers, need)
    log.info("  workers %d, %s", search.workers, slots)
    tasks = [
        Task(
            f"worker {number}", f"{__name__}:work_alone", (search, until), search.folder / f"worker_{number}.log", need
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
    log_to(search.folder)
    work(search, until)


def _slots(workers: int, need: Need) -> Slots:
    """One place for each worker; those that are more than the GPUs share them."""
    needs, wanted = [need] * workers, workers * max(1, need.devices)
    slots = slots_of(wanted, "auto", 1, needs)
    if slots.gpus and wanted > len(slots.gpus):
        return slots_of(wanted, "auto", math.ceil(wanted / len(slots.gpus)), needs)
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
                print(line(trial, study, search), flush=True)  # not logged: the worker has put it into tune.log
