"""Which trial is next, and whose it is.

A trial belongs to the process that holds its lock in the study's folder. Locks end with their process, so a trial that
is unfinished and not locked was left by one that is gone, and the next process that looks goes on with it.
"""

import socket
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from seqmodels.config.outputs import job_folder
from seqmodels.searching.setting import Search
from seqmodels.searching.space import Choice, overrides_for, suggest
from seqmodels.searching.storage import is_file
from seqmodels.searching.study import lock_of, locked


@dataclass(frozen=True)
class Claim:
    """A trial that this process is to run, as long as it holds the lock.

    Attributes:
        trial: of the study.
        folder: of its run.
        overrides: that are its own.
    """

    trial: Trial
    folder: Path
    overrides: list[str]
    lock: FileLock = field(repr=False)


def next_trial(study: Study, search: Search) -> Claim | None:
    """An unfinished trial that nobody runs, else a new one; None when there are `n_trials` in all.

    Counting and asking are one, under a lock of the folder. Where machines share a study but no folder, two may ask at
    once; then the numbers decide, which the storage gives out one by one.
    """
    with locked(search):
        for frozen in unfinished(study):
            lock = _claimed(search, frozen.number) if _is_here(search, frozen) else None
            if lock:
                return _prepare(search, Trial(study, frozen._trial_id), lock)
        begun = [trial for trial in study.get_trials(deepcopy=False) if trial.state != TrialState.WAITING]
        if len(begun) >= search.n_trials:
            return None
        trial = study.ask()
        if trial.number >= search.n_trials:
            study._storage.set_trial_state_values(trial._trial_id, TrialState.WAITING)  # for when there are to be more
            return None
        lock = _claimed(search, trial.number)
        if lock is None:
            raise OSError(
                f"trial {trial.number} of {search.folder} is new, but another process holds its lock, as one of an "
                f"older study in the same place would; end that process, or choose another study=NAME"
            )
        return _prepare(search, trial, lock)


def unfinished(study: Study) -> list[FrozenTrial]:
    """Trials that run somewhere, or were left."""
    return study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))


def abandon(study: Study, search: Search) -> None:
    """Record the trials of `abandon=` as failed.

    Raises:
        ValueError: one of them is not unfinished, or is running here.
    """
    for number in search.abandon:
        if number not in [trial.number for trial in unfinished(study)]:
            raise ValueError(f"abandon=[{number}]: there is no unfinished trial {number}")
        lock = _claimed(search, number)
        if lock is None:
            raise ValueError(f"abandon=[{number}]: trial {number} is running at this moment; stop its process first")
        study._storage.set_trial_user_attr(
            next(trial._trial_id for trial in unfinished(study) if trial.number == number), "error", "abandoned"
        )
        study.tell(number, state=TrialState.FAIL)
        lock.release()


def _prepare(search: Search, trial: Trial, lock: FileLock) -> Claim:
    """Give the trial its values and its folder, or find those it has."""
    trial.set_user_attr("host", socket.gethostname())
    chosen = suggest(search.space, trial)
    overrides = overrides_for(search.space, chosen)
    folder = search.folder / job_folder(trial.number, [f"{key}={_short(value)}" for key, value in chosen.items()])
    trial.set_user_attr("folder", folder.name)
    trial.set_user_attr("overrides", overrides)
    folder.mkdir(exist_ok=True)
    return Claim(trial, folder, overrides, lock)


def _short(value: Choice) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _is_here(search: Search, trial: FrozenTrial) -> bool:
    """Whether an unfinished trial can be told to be left: its lock must be one that we would see."""
    folder = trial.user_attrs.get("folder")
    if folder is None:
        return is_file(search.storage) or trial.user_attrs.get("host") == socket.gethostname()
    return (search.folder / folder).is_dir()


def _claimed(search: Search, number: int) -> FileLock | None:
    lock = lock_of(search, str(number))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    return lock
