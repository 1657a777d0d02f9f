"""A config as one flat table, and where two of them differ."""

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf


def plain(cfg: DictConfig) -> dict[str, Any]:
    """The config as one flat table: `core.hidden_size: 64`, interpolations as they are."""
    flat: dict[str, Any] = {}

    def flatten(node: Any, path: str) -> None:
        if isinstance(node, dict) and node:
            for key, value in node.items():
                flatten(value, f"{path}.{key}" if path else str(key))
        else:
            flat[path] = node

    flatten(OmegaConf.to_container(cfg), "")
    return flat


def without_watching(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Without our own callbacks: they only watch, so a run is the same with and without them."""
    watching = tuple(
        key.removesuffix("_target_")
        for key, value in flat.items()
        if key.startswith("callbacks.") and key.endswith("._target_") and str(value).startswith("seqmodels.")
    )
    return {key: value for key, value in flat.items() if not watching or not key.startswith(watching)}


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """The keys whose values differ, or that only one of the two has."""
    nothing = object()
    return [key for key in {**theirs, **ours} if ours.get(key, nothing) != theirs.get(key, nothing)]
