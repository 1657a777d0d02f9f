"""What somebody meant who wrote a name that is not known."""

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like this one; None where none is like it."""
    near = difflib.get_close_matches(name, known := list(known), n=1)
    return near[0] if near else None
