"""trials.csv: all trials of a study, one a row."""

import csv
import os
from collections.abc import Sequence

from optuna.trial import FrozenTrial, TrialState

from seqmodels.searching.setting import Search


def leave_table(trials: Sequence[FrozenTrial], search: Search) -> None:
    """Write trials.csv anew, in one step: a reader never sees half of it."""
    keys = [dimension.key for dimension in search.space]
    unfinished = search.folder / f".trials.csv.{os.getpid()}"
    with unfinished.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["number", "state", search.monitor, "validations", "seconds", *keys, "folder", "error"])
        for trial in trials:
            if trial.state != TrialState.WAITING:
                writer.writerow(_row(trial, keys))
    unfinished.replace(search.folder / "trials.csv")


def _row(trial: FrozenTrial, keys: Sequence[str]) -> list[object]:
    return [
        trial.number,
        trial.state.name.lower(),
        trial.value,
        len(trial.intermediate_values),
        round(trial.duration.total_seconds(), 3) if trial.duration else None,
        *(trial.params.get(key) for key in keys),
        trial.user_attrs.get("folder"),
        trial.user_attrs.get("error"),
    ]
