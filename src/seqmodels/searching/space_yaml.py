"""The `space:` of a search's YAML, read and checked."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from seqmodels.config.ranges import written
from seqmodels.searching.space import Choice, Dimension, text_of

FIELDS = {
    "float": {"type", "low", "high", "step", "log", "when"},
    "int": {"type", "low", "high", "step", "log", "when"},
    "categorical": {"type", "choices", "when"},
}


def read_space(space: Mapping[str, Any]) -> tuple[Dimension, ...]:
    """The dimensions, each after those that it depends on.

    Args:
        space: plain values, as in YAML.

    Raises:
        ValueError: says which dimension is wrong, and what it may be.
    """
    if not space:
        raise ValueError("there is nothing to search: space is empty; choose a search with +search=NAME")
    found = {key: _dimension(key, fields) for key, fields in space.items()}
    for dimension in found.values():
        _check_conditions(dimension, found)
    return tuple(_in_order(found))


def _dimension(key: str, fields: Any) -> Dimension:
    place = f"space.{key}"
    if not isinstance(fields, Mapping) or fields.get("type") not in FIELDS:
        raise ValueError(
            f"{place}={written(fields)} has no type that is known; write {{type: float, low: ..., high: ...}}, "
            f"{{type: int, low: ..., high: ...}} or {{type: categorical, choices: [...]}}"
        )
    kind = fields["type"]
    for name in fields:
        if name not in FIELDS[kind]:
            raise ValueError(
                f"{place}.{name} is not known; a dimension of type {kind} has {', '.join(sorted(FIELDS[kind]))}"
            )
    when = {name: _list(values) for name, values in (fields.get("when") or {}).items()}
    if kind == "categorical":
        choices, overrides = _choices(place, fields.get("choices"))
        return Dimension(key, kind, choices=choices, overrides=overrides, when=when)
    return _number(place, Dimension(key, kind, when=when), fields)


def _number(place: str, dimension: Dimension, fields: Mapping[str, Any]) -> Dimension:
    number = int if dimension.type == "int" else (int, float)
    for name in ("low", "high", "step"):
        value = fields.get(name)
        if value is None and name == "step":
            continue
        finite = isinstance(value, number) and not isinstance(value, bool) and abs(value) < float("inf")
        if not finite:
            raise ValueError(f"{place}.{name}={written(value)} is not {'an integer' if number is int else 'a number'}")
    low, high, step, log = fields["low"], fields["high"], fields.get("step"), fields.get("log", False)
    if not isinstance(log, bool):
        raise ValueError(f"{place}.log={written(log)} is neither true nor false")
    if low > high:
        raise ValueError(f"{place}: low={low} is above high={high}; the two belong the other way round")
    if log and low <= 0:
        raise ValueError(f"{place}: log=true needs low above 0, not {low}")
    if log and step is not None:
        raise ValueError(f"{place}: step={step} and log=true exclude each other; take one of them away")
    if step is not None and step <= 0:
        raise ValueError(f"{place}.step={step} is not above 0")
    if step is not None and Decimal(str(high)) % Decimal(str(step)) != Decimal(str(low)) % Decimal(str(step)):
        raise ValueError(f"{place}: steps of {step} lead from low={low} past high={high}; change one of the three")
    return replace(dimension, low=low, high=high, step=step, log=log)


def _choices(place: str, choices: Any) -> tuple[tuple[Choice, ...], dict[Choice, tuple[str, ...]] | None]:
    if not isinstance(choices, list | Mapping) or not choices:
        raise ValueError(f"{place}.choices={written(choices)} offers nothing; give a list, or named lists of overrides")
    for choice in choices:
        if not isinstance(choice, Choice):
            raise ValueError(
                f"{place}.choices: {written(choice)} is not a single value; give it a name and the overrides that set "
                f"it: choices: {{NAME: [KEY=VALUE, ...]}}"
            )
    if len(set(map(text_of, choices))) < len(choices):
        raise ValueError(f"{place}.choices={written(choices)} names a choice twice")
    if isinstance(choices, list):
        return tuple(choices), None
    for name, overrides in choices.items():
        if not isinstance(overrides, list) or not all(
            isinstance(override, str) and "=" in override for override in overrides
        ):
            raise ValueError(f"{place}.choices.{name}={written(overrides)} is not a list of overrides KEY=VALUE")
    return tuple(choices), {name: tuple(overrides) for name, overrides in choices.items()}


def _check_conditions(dimension: Dimension, found: Mapping[str, Dimension]) -> None:
    for key, values in (dimension.when or {}).items():
        place = f"space.{dimension.key}.when.{key}"
        if key not in found or found[key].type != "categorical":
            names = [other.key for other in found.values() if other.type == "categorical" and other is not dimension]
            raise ValueError(
                f"{place} is not a categorical dimension of this space; there is {', '.join(names) or 'none'}"
            )
        for value in values:
            if value not in found[key].choices:
                raise ValueError(
                    f"{place}={written(value)} is never chosen; the choices are {written(list(found[key].choices))}"
                )


def _in_order(found: Mapping[str, Dimension]) -> Iterator[Dimension]:
    done: set[str] = set()
    while len(done) < len(found):
        ready = [d for d in found.values() if d.key not in done and done.issuperset(d.when or {})]
        if not ready:
            circle = [f"space.{key}" for key in found if key not in done]
            raise ValueError(f"the conditions of {', '.join(circle)} wait for each other; take one `when` away")
        yield from ready
        done.update(dimension.key for dimension in ready)


def _list(values: Any) -> tuple[Choice, ...]:
    return tuple(values) if isinstance(values, list) else (values,)
