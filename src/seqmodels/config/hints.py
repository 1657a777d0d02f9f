"""Values of a YAML against the type hints of what takes them."""

from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from typeguard import TypeCheckError, check_type

from seqmodels.config.ranges import or_of, written

_KINDS = {int: "an integer", float: "a number", bool: "true or false"}


def fits(value: Any, hint: Any) -> bool:
    """Whether a YAML value is of the hinted type; YAML has no tuples, only lists, and true is no number."""
    if isinstance(value, bool):
        return hint is Any or any(part is bool or part is value for part in (hint, *get_args(hint)))
    for candidate in (value, tuple(value)) if isinstance(value, list) else (value,):
        try:
            check_type(candidate, hint)
        except TypeCheckError:
            continue
        except Exception:  # a hint that cannot be checked
            return True
        return True
    return False


def complaint(value: Any, hint: Any) -> str:
    """What follows `key=` where a value does not fit."""
    parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    choices = [choice for part in parts if get_origin(part) is Literal for choice in get_args(part)]
    kinds = [part for part in parts if get_origin(part) is not Literal and part is not type(None)]
    if choices and not isinstance(value, list | dict) and all(kind in _KINDS for kind in kinds):
        told = [*(_KINDS[kind] for kind in kinds), *choices, *[None] * (type(None) in parts)]
        return f"{written(value)} is not known; {'give' if kinds else 'choose'} {or_of(value, told)}"
    expected = str(hint).replace("typing.", "") if get_args(hint) else getattr(hint, "__name__", str(hint))
    return f"{value!r} has the wrong type {type(value).__name__}; expected {expected}"
