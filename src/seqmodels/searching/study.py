"""The study of a search: opened, or made, or refused because it searches something else."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import optuna
from filelock import FileLock
from optuna.storages import BaseStorage
from optuna.study import Study, StudyDirection

from seqmodels.config.flat import differences, without_watching
from seqmodels.config.migrate import migrated_flat, migrated_key
from seqmodels.runs.extend import HERE
from seqmodels.runs.record import is_run
from seqmodels.searching.sampler import pruner_of, sampler_of
from seqmodels.searching.setting import Search
from seqmodels.searching.storage import file_of, is_file, open_storage
from seqmodels.system.locks import lock_at, without_locks

LOCKS = ".locks"

FREE = (*HERE, "checkpoint.", "logger.")
"""What may differ from one start of a search to the next."""


def open_study(search: Search) -> Study:
    """The study, made if there is none.

    Raises:
        ValueError: there is one of this name that searches something else, or none that `abandon=` could speak of.
        FileExistsError: the folder holds trials of a study that is kept elsewhere.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler, pruner = sampler_of(search.sampler, search.seed), pruner_of(search.pruner)
    elsewhere = None if is_file(search.storage) else open_storage(search.storage, search.folder)
    if search.abandon and not _is_known(search, elsewhere):
        raise ValueError(
            f"abandon=[{search.abandon[0]}]: study {search.study} has no trials yet, so leave abandon= out; trials are "
            f"known to the storage= that they were made with"
        )
    (search.folder / LOCKS).mkdir(parents=True, exist_ok=True)  # what is refused before leaves no folder
    with locked(search):
        storage = elsewhere or open_storage(search.storage, search.folder)
        if search.study not in optuna.get_all_study_names(storage):
            _refuse_orphans(search)
            _create(search, storage)
        study = optuna.load_study(study_name=search.study, storage=storage, sampler=sampler, pruner=pruner)
        known = study.user_attrs.get("search")
        if known is None:
            study.set_user_attr("search", _identity(search))
        else:
            _refuse_another(search, _migrated(known))
    return study


def _is_known(search: Search, elsewhere: BaseStorage | None) -> bool:
    """Whether there is a study already, in its folder or elsewhere."""
    if elsewhere is None:
        return file_of(search.storage, search.folder).exists()
    return search.study in optuna.get_all_study_names(elsewhere)


def _create(search: Search, storage: BaseStorage) -> None:
    with suppress(optuna.exceptions.DuplicatedStudyError):  # another machine was faster
        direction = StudyDirection.MAXIMIZE if search.mode == "max" else StudyDirection.MINIMIZE
        optuna.create_study(storage=storage, study_name=search.study, direction=direction)


@contextmanager
def locked(search: Search) -> Iterator[None]:
    """One process at a time, of those that share the study's folder.

    Raises:
        OSError: the folder's file system knows no locks.
    """
    lock = lock_of(search, "study")
    try:
        lock.acquire()
    except OSError as error:
        if not without_locks(error):
            raise
        raise OSError(
            f"the file system of {search.folder} knows no locks, and a search needs them; use another"
        ) from None
    try:
        yield
    finally:
        lock.release()


def lock_of(search: Search, name: str) -> FileLock:
    """Of the whole study, or of one of its trials by number."""
    return lock_at(search.folder / LOCKS / name)


def _identity(search: Search) -> dict[str, Any]:
    """What all starts of a search have in common."""
    return {
        "config": _without_free(search.run),
        "space": {dimension.key: repr(dimension) for dimension in search.space},
    }


def _migrated(known: Mapping[str, Any]) -> dict[str, Any]:
    """An identity as today's build would have noted it."""
    space = {key: text.replace(f"'{key}'", f"'{migrated_key(key)}'") for key, text in known["space"].items()}
    space = {key: text.replace(", words=", ", overrides=") for key, text in space.items()}
    return {"config": _without_free(migrated_flat(known["config"])), "space": migrated_flat(space)}


def _without_free(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in without_watching(config).items() if not key.startswith(FREE)}


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
                f"study {search.study} searches something else: {'; '.join(told[:3])}{more}. Give the overrides that "
                f"it began with to go on with it, or study=ANOTHER to begin another one"
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
