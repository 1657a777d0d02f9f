"""trials.csv: all trials of a study, one a row."""

import csv
import io
from collections.abc import Sequence

from optuna.trial import FrozenTrial, TrialState

from seqmodels.files import replace
from seqmodels.searching.setting import Search


def leave_table(trials: Sequence[FrozenTrial], search: Search) -> None:
    """Write trials.csv anew."""
    keys = [dimension.key for dimension in search.space]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["number", "state", search.monitor, "validations", "seconds", *keys, "folder", "error"])
    writer.writerows(_row(trial, keys) for trial in trials if trial.state != TrialState.WAITING)
    replace(search.folder / "trials.csv", text.getvalue())


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
