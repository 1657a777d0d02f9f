"""A config as one flat table, and where two of them differ."""

from collections.abc import Mapping
from typing import Any


def flat(node: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Every value of plain nested dicts by its dotted key, `core.hidden_size: 64`; lists and empty dicts are values."""
    table: dict[str, Any] = {}
    for key, value in node.items():
        here = f"{path}.{key}" if path else str(key)
        table |= flat(value, here) if isinstance(value, dict) and value else {here: value}
    return table


def without_watching(table: Mapping[str, Any]) -> dict[str, Any]:
    """A config's table without our own callbacks: they only watch, so a run is the same with and without them."""
    watching = tuple(
        key.removesuffix("_target_")
        for key, value in table.items()
        if key.startswith("callbacks.") and key.endswith("._target_") and str(value).startswith("seqmodels.")
    )
    return {key: value for key, value in table.items() if not watching or not key.startswith(watching)}


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """The keys whose values differ, or that only one of the two has."""
    nothing = object()
    return [key for key in {**theirs, **ours} if ours.get(key, nothing) != theirs.get(key, nothing)]
