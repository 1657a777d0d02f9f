"""A config as one flat table, and where two of them differ."""

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf


def flat(node: Any, path: str = "") -> dict[str, Any]:
    """The config as one flat table: `core.hidden_size: 64`, interpolations as they are.

    Args:
        node: a config, or plain values; lists, and dicts without a key, count as values.
        path: of the node, in front of each key.
    """
    if isinstance(node, DictConfig):
        node = OmegaConf.to_container(node)
    if not isinstance(node, dict) or (path and not node):
        return {path: node}
    branches = (flat(child, f"{path}.{key}" if path else str(key)) for key, child in node.items())
    return {key: value for branch in branches for key, value in branch.items()}


def without_watching(config: Mapping[str, Any]) -> dict[str, Any]:
    """Without our own callbacks: they only watch, so a run is the same with and without them."""
    watching = tuple(
        key.removesuffix("_target_")
        for key, value in config.items()
        if key.startswith("callbacks.") and key.endswith("._target_") and str(value).startswith("seqmodels.")
    )
    return {key: value for key, value in config.items() if not watching or not key.startswith(watching)}


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """The keys whose values differ, or that only one of the two has."""
    nothing = object()
    return [key for key in {**theirs, **ours} if ours.get(key, nothing) != theirs.get(key, nothing)]
