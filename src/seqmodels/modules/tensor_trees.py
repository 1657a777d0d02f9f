"""Tensors in tuples in tuples, as windows, batches and states are: what they are like, and the same of others."""

from collections.abc import Callable
from typing import Any

from torch import Tensor


def mapped(tree: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The same tuples around what `change` makes of each tensor; None stays.

    Raises:
        TypeError: something else stands there.
    """
    if isinstance(tree, Tensor):
        return change(tree)
    if tree is None:
        return None
    if not isinstance(tree, tuple | list):
        raise TypeError(f"expected tensors in tuples, not {type(tree).__name__}")
    parts = [mapped(part, change) for part in tree]
    return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)


def tensors_of(tree: Any) -> list[Tensor]:
    """All of them, in order."""
    found: list[Tensor] = []
    mapped(tree, lambda tensor: found.append(tensor) or tensor)  # type: ignore[func-returns-value]
    return found


def form(tree: Any) -> Any:
    """How the tuples are built, and shape and type of each tensor; it can be a key."""
    if isinstance(tree, tuple | list):
        return tuple([form(part) for part in tree])
    return None if tree is None else (tree.shape, tree.dtype)
