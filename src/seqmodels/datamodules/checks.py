"""Whether what a config names as its data says all that a run asks; looked at before the training."""

from functools import cached_property, partial
from inspect import isfunction
from typing import Any, get_args

import lightning.pytorch as pl

from seqmodels.datamodules.base import SequenceData, Task

MUST: dict[str, str] = {
    "task": f"one of {', '.join(get_args(Task))}",
    "name": "a text, what the data is called",
    "input_size": "the number of inputs of a step, above 0",
    "output_size": "the number of classes or targets, above 0",
}
"""What only the source itself can say."""


def check_class(target: Any) -> None:
    """Look at what a config names as its data.

    Raises:
        ValueError: it is a class of something else, or does not say all that `SequenceData` leaves open.
    """
    if not isinstance(target, type):
        return
    how = "derive it from seqmodels.datamodules.base.SequenceData, whose docstring shows a whole source"
    if not issubclass(target, pl.LightningDataModule):
        raise ValueError(f"{target.__name__} is no source of data, which is a LightningDataModule; {how}")
    lacking = sorted(getattr(target, "__abstractmethods__", ()))
    if lacking:
        raise ValueError(f"{target.__name__} lacks {', '.join(lacking)}; add what seqmodels.datamodules.base describes")


def check_source(source: pl.LightningDataModule) -> None:
    """Look at what a source says after its `setup`, or after `load_state_dict`.

    A LightningDataModule that is no SequenceData is given the defaults of what it does not say.

    Raises:
        ValueError: names the first thing of `MUST` that is missing or wrong.
    """
    kind = type(source).__name__
    for name, expected in MUST.items():
        value = getattr(source, name, None)
        right = {"task": value in get_args(Task), "name": isinstance(value, str)}
        if not right.get(name, isinstance(value, int) and value > 0):
            raise ValueError(
                f"{kind}.{name} is {'missing' if value is None else repr(value)}; expected {expected}: set it in the "
                f"class or in its setup, or derive it from seqmodels.datamodules.base.SequenceData, which tells more"
            )
    for name, default in vars(SequenceData).items():
        if not name.startswith("_") and not hasattr(source, name):
            value = default.func(source) if isinstance(default, cached_property) else default
            setattr(source, name, partial(default, source) if isfunction(default) else value)
