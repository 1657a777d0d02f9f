"""The study of a search: opened or made, and which trial is next.

A trial belongs to the process that holds its lock in the study's folder. Locks end with their process, so a trial that
is unfinished and not locked was left by one that is gone, and the next process that looks goes on with it.
"""

import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock, Timeout
from optuna.storages import BaseStorage
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState

from seqmodels.naming import job_folder
from seqmodels.saved import DEVICES, is_run
from seqmodels.searching.dimension import Choice, suggest, words_for
from seqmodels.searching.sampler import pruner_of, sampler_of
from seqmodels.searching.setting import Search, differences
from seqmodels.searching.storage import is_file, open_storage

LOCKS = ".locks"
FREE = (
    *(f"trainer.{key}" for key in DEVICES),
    "trainer.enable_progress_bar",
    "threads",
    "test",
    "trust",
    "datamodule.num_workers",
    "datamodule.root",
    "checkpoint.",
    "logger.",
)
"""What may differ from one start of a search to the next."""


@dataclass(frozen=True)
class Claim:
    """A trial that this process is to run, as long as it holds the lock.

    Attributes:
        trial: of the study.
        folder: of its run.
        words: that are its own.
    """

    trial: Trial
    folder: Path
    words: list[str]
    lock: FileLock = field(repr=False)


def open_study(search: Search) -> Study:
    """The study, made if there is none.

    Raises:
        ValueError: there is one of this name that searches something else.
        FileExistsError: the folder holds trials of a study that is kept elsewhere.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler, pruner = sampler_of(search.sampler, search.seed), pruner_of(search.pruner)
    (search.folder / LOCKS).mkdir(parents=True, exist_ok=True)
    with _lock(search, "study"):
        storage = open_storage(search.storage, search.folder)
        if search.study not in optuna.get_all_study_names(storage):
            _refuse_orphans(search)
            _create(search, storage)
        study = optuna.load_study(study_name=search.study, storage=storage, sampler=sampler, pruner=pruner)
        known = study.user_attrs.get("search")
        if known is None:
            study.set_user_attr("search", _identity(search))
        else:
            _refuse_another(search, known)
    return study


def _create(search: Search, storage: BaseStorage) -> None:
    with suppress(optuna.exceptions.DuplicatedStudyError):  # another machine was faster
        direction = StudyDirection.MAXIMIZE if search.mode == "max" else StudyDirection.MINIMIZE
        optuna.create_study(storage=storage, study_name=search.study, direction=direction)


def next_trial(study: Study, search: Search) -> Claim | None:
    """An unfinished trial that nobody runs, else a new one; None when there are `n_trials` in all.

    Counting and asking are one, under a lock of the folder. Where machines share a study but no folder, two may ask at
    once; then the numbers decide, which the storage gives out one by one.
    """
    with _lock(search, "study"):
        for frozen in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
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
            raise OSError(f"trial {trial.number} of {search.folder} is locked although it is new; what holds its lock?")
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
    words = words_for(search.space, chosen)
    folder = search.folder / job_folder(trial.number, [f"{key}={_short(value)}" for key, value in chosen.items()])
    trial.set_user_attr("folder", folder.name)
    trial.set_user_attr("words", words)
    folder.mkdir(exist_ok=True)
    return Claim(trial, folder, words, lock)


def _short(value: Choice) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _is_here(search: Search, trial: FrozenTrial) -> bool:
    """Whether an unfinished trial can be told to be left: its lock must be one that we would see."""
    folder = trial.user_attrs.get("folder")
    if folder is None:
        return is_file(search.storage) or trial.user_attrs.get("host") == socket.gethostname()
    return (search.folder / folder).is_dir()


def _claimed(search: Search, number: int) -> FileLock | None:
    lock = _lock(search, str(number))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    return lock


def _lock(search: Search, name: str) -> FileLock:
    return FileLock(search.folder / LOCKS / name)


def _identity(search: Search) -> dict[str, Any]:
    """What all starts of a search have in common."""
    return {
        "config": {key: value for key, value in search.run.items() if not key.startswith(FREE)},
        "space": {dimension.key: repr(dimension) for dimension in search.space},
    }


def _refuse_another(search: Search, known: Mapping[str, Any]) -> None:
    ours = _identity(search)
    for part, prefix in (("config", ""), ("space", "space.")):
        keys = differences(ours[part], known[part])
        if keys:
            told = [
                f"{prefix}{key} is {_told(ours[part], key)} here and {_told(known[part], key)} there" for key in keys
            ]
            more = f" and {len(told) - 3} more" if len(told) > 3 else ""
            raise ValueError(
                f"study {search.study} searches something else: {'; '.join(told[:3])}{more}. Give the words that it "
                f"began with to go on with it, or study=ANOTHER to begin another one"
            )


def _told(values: Mapping[str, Any], key: str) -> str:
    return str(values[key]) if key in values else "absent"


def _refuse_orphans(search: Search) -> None:
    trials = sorted(place.name for place in search.folder.iterdir() if place.is_dir() and is_run(place))
    if trials:
        raise FileExistsError(
            f"{search.folder} holds trials ({trials[0]}, ...) but storage={search.storage} knows no study of "
            f"that name; give the storage that it was made with, or study=ANOTHER"
        )
