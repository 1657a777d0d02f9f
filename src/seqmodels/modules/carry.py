"""What streams leave behind between two windows, and its way into a checkpoint and back.

The training's `Carry` is one object that never changes; each step makes a new one, so a checkpoint never sees half of
a step. A checkpoint holds the rows of all streams, whatever the number of processes was:

    rank 0 of 2   rows 0 1            rank 0 of 1   rows 0 1 2 3
    rank 1 of 2   rows 2 3     <->
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, distributed

from seqmodels.cores.base import State, detach
from seqmodels.datamodules.window import rank_rows


class Place(NamedTuple):
    """Where streams stand between two windows.

    Attributes:
        state: of the core; None before the first window.
        age: (B,) steps since the stream began, counted as far as burn-in needs it; None where there is no burn-in.
    """

    state: State | None = None
    age: Tensor | None = None


class Past(NamedTuple):
    """A window that back-propagation reaches: the place before it, its inputs (B, T, D) and its resets (B,)."""

    place: Place
    x: Tensor
    reset: Tensor


class Carry(NamedTuple):
    """What a training on streams carries from step to step.

    Attributes:
        place: after the newest window.
        history: the windows before the next one that its gradient will reach, oldest first.
        windows: consumed so far.
        loss_sum: of these windows, in this process.
    """

    place: Place = Place()
    history: tuple[Past, ...] = ()
    windows: int = 0
    loss_sum: Tensor | float = 0.0


def cast(state: State, dtype: torch.dtype) -> State:
    """The state with its floating tensors in a dtype; integers stay."""
    return tuple(tensor.to(dtype) if tensor.is_floating_point() else tensor for tensor in state)


def kept(place: Place, dtype: torch.dtype) -> Place:
    """The place to carry on: cut off from the graph, floating tensors in a dtype."""
    assert place.state is not None
    return Place(cast(detach(place.state), dtype), place.age)


def packed(carry: Carry) -> dict[str, Any]:
    """A carry as a checkpoint holds it: tensors on the CPU and plain values, the rows of all processes.

    Every process must call it.
    """
    mine = {
        **_packed_place(carry.place),
        "history": [
            {**_packed_place(past.place), "x": _copied(past.x), "reset": _copied(past.reset)} for past in carry.history
        ],
        "windows": carry.windows,
        "loss_sum": [float(carry.loss_sum)],
    }
    if not (distributed.is_available() and distributed.is_initialized()):
        return mine
    everyone: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(everyone, mine)
    return {**_joined(everyone), "loss_sum": [part["loss_sum"][0] for part in everyone]}


def unpacked(saved: dict[str, Any], rank: int, ranks: int, num_streams: int | None = None) -> Carry:
    """The part of one process of what `packed` returned, on the CPU.

    Args:
        saved: from `packed`, with any number of processes.
        rank: this process, of `ranks`.
        ranks: how many processes share the streams now.
        num_streams: how many there must be, over all processes; None takes what there is.

    Raises:
        ValueError: there is another number of streams, or they cannot be shared equally.
    """
    rows = slice(None)
    if saved["state"] is not None:
        streams = len(saved["state"][0])
        if num_streams not in (None, streams):
            raise ValueError(
                f"num_streams={num_streams} but the checkpoint carries the state of {streams} streams; resume with "
                f"num_streams={streams}, or start from the weights alone"
            )
        rows = rank_rows(streams, rank, ranks)
    sums = saved["loss_sum"]
    history = tuple(Past(_place(past, rows), past["x"][rows], past["reset"][rows]) for past in saved["history"])
    loss_sum = sums[rank] if len(sums) == ranks else sum(sums) / len(sums)
    return Carry(_place(saved, rows), history, saved["windows"], loss_sum)


def _packed_place(place: Place) -> dict[str, Any]:
    return {
        "state": None if place.state is None else [_copied(tensor) for tensor in place.state],
        "age": None if place.age is None else _copied(place.age),
    }


def _place(saved: dict[str, Any], rows: slice) -> Place:
    state, age = saved["state"], saved["age"]
    return Place(None if state is None else tuple(tensor[rows] for tensor in state), None if age is None else age[rows])


def _copied(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().clone()  # a view would take the whole of what it looks at into the file


def _joined(parts: list[Any]) -> Any:
    first = parts[0]
    if isinstance(first, Tensor):
        return torch.cat(parts)
    if isinstance(first, dict):
        return {key: _joined([part[key] for part in parts]) for key in first}
    if isinstance(first, list):
        return [_joined(list(items)) for items in zip(*parts, strict=True)]
    return first
