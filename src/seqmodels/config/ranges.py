"""Checks of arguments: every message begins with `name=value`, which `keys.explained` makes the full key.

NaN is in no range.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin

from seqmodels.config.nearest import three_nearest

WIDEST = 1_000_000
"""Layer: the weights from one such layer to the next fit no machine."""

LONGEST = 100_000_000
"""Piece of a sequence that is in memory at once, in steps."""

LARGEST = 3e38
"""Number that a weight of 32 bits can be."""

MOST_LINES = 2**31 - 1
"""Of a file that are left out: what reads it counts them in 32 bits."""

DEEPEST = 1000
"""Stack of layers."""

MOST_PROCESSES = 1024
"""Threads or processes on one machine, or machines."""

MOST_CHOICES = 8
"""That an error lists; of more it says the three nearest."""


def finite(**values: Any) -> None:
    """
    Raises:
        ValueError: names the first value that is NaN, infinite or an integer of more than 64 bits, or a list that holds
            such a number.
    """
    for name, value in values.items():
        parts = value if isinstance(value, list | tuple) else [value]
        if any(isinstance(part, int) and abs(part) >= 2**63 for part in parts):
            raise ValueError(f"{name}={written(value)} is too large; give an integer below 2**63")
        if any(isinstance(part, float) and not math.isfinite(part) for part in parts):
            raise ValueError(f"{name}={written(value)} is not finite; give a finite number")


def at_least(minimum: float, **values: float) -> None:
    """
    Raises:
        ValueError: names the first value that is below the minimum.
    """
    for name, value in values.items():
        if not value >= minimum:
            kind = "an integer" if isinstance(minimum, int) and isinstance(value, int) else "a number"
            raise ValueError(f"{name}={value} is too small; give {kind} of at least {minimum}")


def above(bound: float, **values: float) -> None:
    """
    Raises:
        ValueError: names the first value that is not above the bound.
    """
    for name, value in values.items():
        if not value > bound:
            raise ValueError(f"{name}={value} is too small; give a number above {bound}")


def between(lowest: float, highest: float, **values: float) -> None:
    """
    Raises:
        ValueError: names the first value that is not from `lowest` to `highest`.
    """
    for name, value in values.items():
        if not lowest <= value <= highest:
            kind = "an integer" if isinstance(lowest, int) and isinstance(value, int) else "a number"
            raise ValueError(f"{name}={value} is out of range; give {kind} from {lowest} to {highest}")


def at_most(maximum: float, **values: float) -> None:
    """
    Raises:
        ValueError: names the first value that is above the maximum.
    """
    for name, value in values.items():
        if not value <= maximum:
            kind = "an integer" if isinstance(maximum, int) and isinstance(value, int) else "a number"
            raise ValueError(f"{name}={value} is too large; give {kind} of at most {maximum}")


def size(maximum: int, **values: int) -> None:
    """
    Raises:
        ValueError: names the first value that is below 1 or above the maximum.
    """
    at_least(1, **values)
    at_most(maximum, **values)


def limit(**values: int) -> None:
    """
    Raises:
        ValueError: names the first value that is neither a number of things to do nor -1, which says without end.
    """
    for name, value in values.items():
        if value != -1 and not value >= 1:
            raise ValueError(f"{name}={value} does nothing; give an integer of at least 1, or -1 for no limit")


def amount(minimum: int, **values: float) -> None:
    """
    Args:
        minimum: 0 or 1: whether nothing at all will do.
        values: how much of something: an integer counts, a float is a fraction.

    Raises:
        ValueError: names the first value that is neither.
    """
    for name, value in values.items():
        enough = value >= 1 if isinstance(value, int) else 0 < value <= 1
        if not (enough or value == minimum):
            least = f"an integer of at least {minimum}"
            raise ValueError(f"{name}={value} is out of range; give {least}, or a fraction such as 0.5, at most 1.0")


def probability(**values: float) -> None:
    """
    Raises:
        ValueError: names the first value that is not in [0, 1): with probability 1 nothing would be left.
    """
    for name, value in values.items():
        if not 0 <= value < 1:
            raise ValueError(f"{name}={value} is outside [0, 1); it is the probability of dropping an output")


def one_of(choices: Any, **values: Any) -> None:
    """
    Args:
        choices: a sequence, a `Literal`, or a `Literal` with `| None`.

    Raises:
        ValueError: names the first value that is none of them.
    """
    known = _known(choices)
    for name, value in values.items():
        if value not in known:
            raise ValueError(f"{name}={written(value)} is not known; choose {or_of(value, known)}")


def or_of(value: Any, choices: Sequence[Any]) -> str:
    """Choices in words, "a, b or c"; of many the three that are most like the value that came."""
    shown = [written(choice) for choice in choices]
    if len(shown) > MOST_CHOICES:
        return f"{', '.join(three_nearest(written(value), shown))} or another of {len(shown)}"
    return " or ".join([", ".join(shown[:-1])] * (len(shown) > 1) + shown[-1:])


def _known(choices: Any) -> Sequence[Any]:
    if choices is type(None):
        return [None]
    if get_origin(choices) is Literal:
        return get_args(choices)
    return [choice for part in get_args(choices) for choice in _known(part)] or choices


def written(value: Any) -> str:
    """A value, or a list or mapping of them, as YAML has it."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {written(one)}' for key, one in value.items())}}}"
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
