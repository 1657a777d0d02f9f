"""What a checkpoint must hold so that a run goes on from it bit for bit, looked at before anything is restored."""

from typing import Any, TypedDict

from torch import Tensor
from typeguard import CollectionCheckStrategy, TypeCheckError, check_type


class Place(TypedDict):
    """As `position.Position`."""

    epoch: int
    batch: int
    step: int
    validate: bool


class Generators(TypedDict):
    """As `position.rng_state`: of one process."""

    python: tuple[int, tuple[int, ...] | list[int], float | None] | list[Any]
    numpy: tuple[Any, ...] | list[Any]
    torch: Tensor
    cuda: list[Tensor]


HELD: dict[str, Any] = {
    "state_dict": dict[str, Tensor],
    "position": Place,
    "rng": list[Generators],
    "metrics": dict[str, float],
    "loops": dict[str, dict[str, Any]],
    "optimizer_states": list[dict[str, Any]],
    "lr_schedulers": list[dict[str, Any]],
    "callbacks": dict[str, Any],
}

NOT_EMPTY = ("state_dict", "rng", "loops", "optimizer_states")


def complaint(contents: dict[str, Any]) -> str | None:
    """What keeps a run from going on from here, as the end of a sentence; None for nothing."""
    missing = [key for key in HELD if key not in contents]
    if missing:
        return f"it lacks {', '.join(missing)}, so no run of ours wrote it"
    damaged = [key for key, hint in HELD.items() if not _is(contents[key], hint)]
    damaged += [key for key in NOT_EMPTY if key not in damaged and not contents[key]]
    if "optimizer_states" not in damaged and _lacks_past(contents):
        damaged.append("optimizer_states")
    return f"what it holds as {', '.join(damaged)} is damaged" if damaged else None


def _lacks_past(contents: dict[str, Any]) -> bool:
    """Whether an optimizer knows of fewer weights than it did: the others would begin anew. Older ones do not say."""
    known = contents.get("weights_with_past")
    return known is not None and known != [len(one.get("state", ())) for one in contents["optimizer_states"]]


def are_weights(value: Any) -> bool:
    """Whether it is a state dict."""
    return _is(value, HELD["state_dict"])


def _is(value: Any, hint: Any) -> bool:
    try:
        check_type(value, hint, collection_check_strategy=CollectionCheckStrategy.ALL_ITEMS)
    except TypeCheckError:
        return False
    return True
