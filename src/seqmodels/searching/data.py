"""The data of a study: its trials are ranked against each other, so all of them read the same."""

import json
from typing import Any

from optuna.study import Study

from seqmodels.config.keys import explained
from seqmodels.exceptions import MISTAKES
from seqmodels.runs.build import build_datamodule
from seqmodels.runs.results import Results
from seqmodels.searching.setting import Search
from seqmodels.system.files import short

ATTRIBUTE = "data"


def refuse_other_data(study: Study, search: Search) -> None:
    """Note what the first start of a study has read, and compare with it what a later one does.

    Raises:
        ValueError: the files have changed since the study began.
    """
    if any(dimension.key == "datamodule" for dimension in search.space):
        return  # which data is one of the things that are searched
    ours = _identity(search)
    theirs = study.user_attrs.get(ATTRIBUTE)
    if ours is None:
        return
    if theirs is None:
        study.set_user_attr(ATTRIBUTE, ours)
    elif ours != theirs:
        difference = _first_difference(json.loads(theirs), json.loads(ours))
        raise ValueError(
            f"study={search.study} was begun on other data: {difference}. Its trials in {short(search.folder)} and new "
            f"ones cannot be ranked together; put the files back, or begin another one with study=ANOTHER"
        )


def _identity(search: Search) -> str | None:
    cfg = search.config()
    try:
        with explained(cfg, "datamodule"):
            datamodule = build_datamodule(cfg)
            datamodule.prepare_data()
            datamodule.setup("fit")
            return Results(status="completed", facts=datamodule.facts()).data_identity
    except MISTAKES:
        if any(dimension.key.startswith("datamodule.") for dimension in search.space):
            return None  # what is missing may come from the search
        raise


def _first_difference(theirs: Any, ours: Any, path: str = "") -> str:
    """`files.0.bytes was 12556 and is 7557`."""
    if isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        theirs, ours = dict(enumerate(theirs)), dict(enumerate(ours))
    if isinstance(theirs, dict) and isinstance(ours, dict) and theirs.keys() == ours.keys():
        key = next(key for key in theirs if theirs[key] != ours[key])
        return _first_difference(theirs[key], ours[key], f"{path}.{key}".lstrip("."))
    return f"{path} was {theirs} and is {ours}"
