"""A config against the code it configures: keys that nobody reads and values of the wrong type, before anything runs.

Hydra refuses unknown keys on the command line, but not in a user's YAML, and it knows no types.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, get_type_hints

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf

from seqmodels.config.hints import complaint, fits
from seqmodels.config.library_ranges import check_range
from seqmodels.config.migrate import migrated_key
from seqmodels.config.ranges import MOST_PROCESSES, above, at_least, between, finite, size, written

ROOT_KEYS: dict[str, Any] = {
    "name": str,
    "seed": int,
    "threads": int | Literal["auto"],
    "monitor": str,
    "mode": Literal["min", "max"],
    "test": Literal["best", "last", False],
    "resume": str | None,
    "init_from": str | None,
    "trust": list[str],
    "checkpoint": {"every_n_steps": int | None, "every_n_minutes": float | None},
    "datamodule": dict,
    "module": dict,
    "core": dict,
    "optimizer": dict,
    "scheduler": dict | None,
    "trainer": dict,
    "callbacks": dict | None,
    "logger": dict | None,
}

ROOT_RANGES: dict[str, Callable[..., None]] = {
    "seed": partial(between, 0, 2**32 - 1),
    "threads": partial(size, MOST_PROCESSES),
    "checkpoint.every_n_steps": partial(at_least, 1),
    "checkpoint.every_n_minutes": partial(above, 0),
}

OWN_KEYS: dict[str, dict[str, Any]] = {
    "trainer": {
        "loop": Literal["auto", "lightning"],
        "cuda_graphs": bool,
        "max_time": str | None,
        "val_check_interval": int | float | str | None,
        "gradient_clip_algorithm": Literal["norm", "value"] | None,
        "profiler": Literal["simple", "advanced", "pytorch"] | None,
    }
}
"""Of a section beside those of its `_target_`, or narrower: no mapping for a time, no other text for a choice."""

_DIRECTIVES = {"_target_", "_partial_", "_args_", "_recursive_", "_convert_"}


def check_config(cfg: DictConfig, unused: Sequence[str] = ()) -> None:
    """Check the root keys and, at any depth, every node that has a `_target_`.

    Args:
        cfg: the whole config.
        unused: sections of which nothing will be made. What they name is not looked for: it may take long to load, or
            be missing on a machine that only predicts.

    Raises:
        ValueError: names the key, what it holds and what it may hold.
    """
    root: Any = OmegaConf.to_container(cfg, resolve=True)
    missing = [key for key in ROOT_KEYS if key not in root]
    if missing:
        raise ValueError(f"the config is not complete: it lacks {', '.join(missing)}")
    for key in ("monitor", "mode"):
        if root[key] == "???":
            raise ValueError(
                f"{key} is missing, and the module's YAML does not bring one; give monitor=val/loss mode=min, say"
            )
    _check_keys(root, ROOT_KEYS)
    for section in ("callbacks", "logger"):
        for name, node in (root[section] or {}).items():
            if node and not (isinstance(node, dict) and "_target_" in node):
                raise ValueError(
                    f"{section}.{name}={written(node)} names nothing to build; give null to leave it out, or a mapping "
                    f"with a _target_ and its arguments"
                )
    check_node({key: node for key, node in root.items() if key not in unused}, "")


def _check_keys(values: Any, hints: Mapping[str, Any], path: str = "") -> None:
    for key, value in values.items():
        full = f"{path}{key}"
        if key not in hints:
            known = ", ".join(f"{path}{one}" for one in sorted(hints))
            raise ValueError(f"{full} is not a key of a run; its keys are {known}")
        if isinstance(hints[key], dict):
            _check_keys(value, hints[key], f"{full}.")
            continue
        finite(**{full: value})
        if not fits(value, hints[key]):
            raise ValueError(f"{full}={complaint(value, hints[key])}")
        if full in ROOT_RANGES and isinstance(value, int | float):
            ROOT_RANGES[full](**{full: value})


def check_node(node: Any, path: str) -> None:
    """Check whatever has a `_target_` in a part of a config, plain values, that stands at `path`.

    Raises:
        ValueError: as `check_config`.
    """
    if not isinstance(node, dict):
        return
    if "_target_" in node:
        _check_arguments(node, path)
    for key, value in node.items():
        check_node(value, f"{path}.{key}" if path else str(key))


def _check_arguments(node: dict[str, Any], path: str) -> None:
    try:
        target = get_object(node["_target_"])
    except Exception as error:
        raise ValueError(f"{path}._target_={node['_target_']} cannot be imported: {error}") from error
    hints = parameters(target) | OWN_KEYS.get(path, {})
    for key, value in node.items():
        if key == "_partial_" and not isinstance(value, bool):
            raise ValueError(f"{path}._partial_={value} is not known; choose true or false")
        if key in _DIRECTIVES:
            continue
        if key not in hints:
            here = f"{path}.{key}"
            if migrated_key(here) != here:
                raise ValueError(f"{here} is {migrated_key(here)} now; move it there")
            raise ValueError(
                f"{path}.{key} is not known to {node['_target_']}; its keys are {', '.join(sorted(hints))}"
            )
        if isinstance(value, dict) and "_target_" in value:
            continue
        finite(**{f"{path}.{key}": value})
        if not fits(value, hints[key]):
            raise ValueError(f"{path}.{key}={complaint(value, hints[key])}")
        check_range(target, key, f"{path}.{key}", value)


def parameters(target: Callable[..., Any]) -> dict[str, Any]:
    """Names and type hints of what a callable takes; `**kwargs` of a class means: and what its base class takes."""
    classes = inspect.getmro(target) if inspect.isclass(target) else ()
    functions = [vars(cls)["__init__"] for cls in classes if "__init__" in vars(cls)] or [target]
    found: dict[str, Any] = {}
    for function in functions:
        try:
            hints = get_type_hints(function)
        except (NameError, TypeError):  # names imported for type checkers only
            hints = {}
        signature = inspect.signature(function).parameters.values()
        for parameter in signature:
            if parameter.name != "self" and parameter.kind not in (
                parameter.VAR_POSITIONAL,
                parameter.VAR_KEYWORD,
            ):
                found.setdefault(parameter.name, hints.get(parameter.name, Any))
        if all(parameter.kind is not parameter.VAR_KEYWORD for parameter in signature):
            break
    return found
