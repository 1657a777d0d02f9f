"""A config against the code it configures: keys that nobody reads and values of the wrong type, before anything runs.

Hydra refuses unknown keys on the command line, but not in a user's YAML, and it knows no types.
"""

import inspect
from collections.abc import Callable
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from typeguard import TypeCheckError, check_type

from seqmodels.config.migrate import migrated_key

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
    "checkpoint": dict[Literal["every_n_steps", "every_n_minutes"], float | None],
    "datamodule": dict,
    "module": dict,
    "core": dict,
    "optimizer": dict,
    "scheduler": dict | None,
    "trainer": dict,
    "callbacks": dict | None,
    "logger": dict | None,
}

_DIRECTIVES = {"_target_", "_partial_", "_args_", "_recursive_", "_convert_"}


def check_config(cfg: DictConfig) -> None:
    """Check the root keys and, at any depth, every node that has a `_target_`.

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
    for key, value in root.items():
        if key not in ROOT_KEYS:
            raise ValueError(f"{key} is not a key of a run; its keys are {', '.join(sorted(ROOT_KEYS))}")
        if not fits(value, ROOT_KEYS[key]):
            raise ValueError(f"{key}={_complaint(value, ROOT_KEYS[key])}")
    check_node(root, "")


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
    hints = parameters(target)
    for key, value in node.items():
        if key in _DIRECTIVES:
            continue
        if key not in hints:
            here = f"{path}.{key}"
            if migrated_key(here) != here:
                raise ValueError(f"{here} is {migrated_key(here)} now; move it there")
            raise ValueError(
                f"{path}.{key} is not known to {node['_target_']}; its keys are {', '.join(sorted(hints))}"
            )
        nested = isinstance(value, dict) and "_target_" in value
        if not nested and not fits(value, hints[key]):
            raise ValueError(f"{path}.{key}={_complaint(value, hints[key])}")


def _complaint(value: Any, hint: Any) -> str:
    parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    choices = [str(choice).lower() for part in parts if get_origin(part) is Literal for choice in get_args(part)] + [
        "null"
    ] * (type(None) in parts)
    kinds = [part for part in parts if get_origin(part) is not Literal and part is not type(None)]
    literal = any(get_origin(part) is Literal for part in parts)
    if literal and isinstance(value, str) and all(kind in KINDS for kind in kinds):
        told = [*(KINDS[kind] for kind in kinds), *choices]
        return f"{value} is not known; {'give' if kinds else 'choose'} {', '.join(told[:-1])} or {told[-1]}"
    expected = str(hint).replace("typing.", "") if get_args(hint) else getattr(hint, "__name__", str(hint))
    return f"{value!r} has the wrong type {type(value).__name__}; expected {expected}"


KINDS = {int: "an integer", float: "a number", bool: "true or false"}


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
