"""What somebody meant who wrote a name that is not known."""

import difflib
from collections.abc import Iterable, Sequence


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like this one; None where none is like it."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1)), None)


def three_nearest(name: str, known: Iterable[str]) -> Sequence[str]:
    """The three known names that are most like this one, however little that is."""
    return difflib.get_close_matches(name, list(known), n=3, cutoff=0.0)
