"""How a table of series is made of files, and the arguments that a person may get wrong."""

from typing import Literal, NamedTuple, get_args

from seqmodels.tables.read import TAB

Missing = Literal["error", "mask", "ffill"]

Gaps = Literal["error", "reset", "ignore"]

_EXAMPLE = "such as datamodule.files=[data/*.csv] datamodule.inputs=[rpm,load] datamodule.targets=[heat]"


class Recipe(NamedTuple):
    """Everything but the files that the contents of a table depend on; see `SeriesStream` for what it means."""

    inputs: list[str]
    targets: list[str]
    time: str | None
    group: str | None
    missing: Missing
    gaps: Gaps
    time_step: float | None
    delimiter: str
    decimal: str


def check_recipe(recipe: Recipe, horizon: int) -> None:
    """
    Raises:
        ValueError: an argument is outside its range, or two contradict each other.
    """
    for name, columns in (("inputs", recipe.inputs), ("targets", recipe.targets)):
        check_named(name, columns)
        if len(set(columns)) < len(columns):
            raise ValueError(f"{name}={columns} names a column twice")
    copied = [name for name in recipe.targets if name in recipe.inputs]
    if horizon == 0 and copied:
        raise ValueError(
            f"horizon={horizon} with {copied[0]!r} among the inputs and the targets would only copy it; give a horizon "
            f"of at least 1 to forecast it, or take it out of the inputs"
        )
    if recipe.missing not in get_args(Missing):
        raise ValueError(f"missing={recipe.missing!r} is not known; choose {', '.join(get_args(Missing))}")
    if recipe.gaps not in get_args(Gaps):
        raise ValueError(f"gaps={recipe.gaps!r} is not known; choose {', '.join(get_args(Gaps))}")
    if recipe.time_step is not None and not recipe.time_step > 0:
        raise ValueError(f"time_step={recipe.time_step} is not a step of time; give a number above 0, or null")
    for name, mark in (("delimiter", recipe.delimiter), ("decimal", recipe.decimal)):
        if len(mark) != 1:
            tab = f"; a tab is {TAB}" if mark == r"\t" else ""
            raise ValueError(f"{name}={mark!r} is not one character{tab}")


def check_named(argument: str, names: list[str]) -> None:
    """
    Raises:
        ValueError: there are none.
    """
    if not names:
        raise ValueError(f"{argument}=[] leaves open which of your data to read; say so, {_EXAMPLE}")


def check_fractions(val_fraction: float, test_fraction: float) -> None:
    """
    Raises:
        ValueError: one is no fraction, or both leave nothing.
    """
    for name, value in (("val_fraction", val_fraction), ("test_fraction", test_fraction)):
        if not 0 <= value < 1:
            raise ValueError(f"{name}={value} is not a fraction; give a number from 0 to below 1")
    if val_fraction + test_fraction >= 1:
        raise ValueError(f"val_fraction={val_fraction} and test_fraction={test_fraction} leave nothing to train on")
