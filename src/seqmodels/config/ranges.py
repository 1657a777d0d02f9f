"""Checks of arguments: every message begins with `name=value`, which `keys.explained` makes the full key.

NaN is in no range.
"""

from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin


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
            raise ValueError(f"{name}={value} is out of range; give a number from {lowest} to {highest}")


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
            shown = [written(choice) for choice in known]
            raise ValueError(f"{name}={written(value)} is not known; choose {', '.join(shown[:-1])} or {shown[-1]}")


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
