"""Whether a table has the columns that are wanted of it, and each once."""

from collections.abc import Iterable, Sequence

from seqmodels.config.nearest import nearest
from seqmodels.system.terminal import printable
from seqmodels.tables.numbers import LONGEST

SHOWN = 20
"""Columns that an error lists."""

TAB = r"""$'datamodule.delimiter="\t"'"""
"""How a shell says it: without the dollar, Hydra would be given a backslash and a t."""


def check_there(source: object, wanted: Iterable[str], found: Sequence[str], remedy: str = "") -> None:
    """
    Args:
        source: of the table, for errors.
        wanted: columns.
        found: all that it has.
        remedy: what a message that one is missing ends with.

    Raises:
        ValueError: one is missing.
    """
    for name in wanted:
        if name not in found:
            near = nearest(name, found)
            guess = f", did you mean {near!r}?" if near else ""
            more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
            there = ", ".join(map(_listed, found[:SHOWN]))
            raise ValueError(f"{source} has no column {name!r}{guess}; there is: {there}{more}{remedy}")


def _listed(name: str) -> str:
    text = printable(name)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def check_unique(source: object, wanted: Iterable[str], found: Sequence[str]) -> None:
    """
    Raises:
        ValueError: one is there more than once; the arguments are those of `check_there`.
    """
    for name in wanted:
        if found.count(name) > 1:
            raise ValueError(f"{source} has {found.count(name)} columns named {name!r}; names must differ")


def another_delimiter(found: Sequence[str], delimiter: str) -> str:
    """The end of a message that a column is missing, where the header is all one cell."""
    marks = [mark for mark in ";\t|," if len(found) == 1 and mark in found[0] and mark != delimiter]
    if not marks:
        return ""
    setting = TAB if marks[0] == "\t" else f"'datamodule.delimiter=\"{marks[0]}\"'"
    return f"; its header looks as if it needed {setting}"
