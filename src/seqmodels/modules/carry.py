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
from seqmodels.datamodules.window import NOTHING, Window, rank_rows


class StreamState(NamedTuple):
    """What streams remember between two windows.

    Attributes:
        state: of the core; None before the first window.
        age: (B,) steps since the stream began, counted as far as burn-in needs it; None where there is no burn-in.
    """

    state: State | None = None
    age: Tensor | None = None


class PastWindow(NamedTuple):
    """A window that back-propagation reaches: the streams before it; the rest as in `Window`."""

    before: StreamState
    x: Tensor
    reset: Tensor
    series: Tensor = NOTHING
    step_reset: Tensor = NOTHING
    dt: Tensor = NOTHING

    @classmethod
    def of(cls, before: StreamState, window: Window) -> "PastWindow":
        """What is read of a window."""
        return cls(before, window.x, window.reset, window.series, window.step_reset, window.dt)


class Carry(NamedTuple):
    """What a training on streams carries from step to step.

    Attributes:
        streams: after the newest window.
        history: the windows before the next one that its gradient will reach, oldest first.
        windows: consumed so far.
        loss_sum: of these windows, in this process.
    """

    streams: StreamState = StreamState()
    history: tuple[PastWindow, ...] = ()
    windows: int = 0
    loss_sum: Tensor | float = 0.0


def cast(state: State, dtype: torch.dtype) -> State:
    """The state with its floating tensors in a dtype; integers stay."""
    return tuple(tensor.to(dtype) if tensor.is_floating_point() else tensor for tensor in state)


def detached(streams: StreamState, dtype: torch.dtype) -> StreamState:
    """The streams to carry on: cut off from the graph, floating tensors in a dtype."""
    assert streams.state is not None
    return StreamState(cast(detach(streams.state), dtype), streams.age)


def to_checkpoint(carry: Carry) -> dict[str, Any]:
    """A carry as a checkpoint holds it: tensors on the CPU and plain values, the rows of all processes.

    Every process must call it.
    """
    mine = {
        **_plain(carry.streams),
        "history": [
            {**_plain(past.before), **{key: _copied(getattr(past, key)) for key in PastWindow._fields[1:]}}
            for past in carry.history
        ],
        "windows": carry.windows,
        "loss_sum": [float(carry.loss_sum)],
    }
    if not (distributed.is_available() and distributed.is_initialized()):
        return mine
    everyone: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(everyone, mine)
    return {**_joined(everyone), "loss_sum": [part["loss_sum"][0] for part in everyone]}


def from_checkpoint(saved: dict[str, Any], rank: int, ranks: int, num_streams: int | None = None) -> Carry:
    """The part of one process of what `to_checkpoint` returned, on the CPU.

    Args:
        saved: from `to_checkpoint`, with any number of processes.
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
    history = tuple(
        PastWindow(_of_rows(past, rows), *(past.get(key, NOTHING)[rows] for key in PastWindow._fields[1:]))
        for past in saved["history"]
    )
    loss_sum = sums[rank] if len(sums) == ranks else sum(sums) / len(sums)
    return Carry(_of_rows(saved, rows), history, saved["windows"], loss_sum)


def _plain(streams: StreamState) -> dict[str, Any]:
    return {
        "state": None if streams.state is None else [_copied(tensor) for tensor in streams.state],
        "age": None if streams.age is None else _copied(streams.age),
    }


def _of_rows(saved: dict[str, Any], rows: slice) -> StreamState:
    state, age = saved["state"], saved["age"]
    return StreamState(
        None if state is None else tuple(tensor[rows] for tensor in state), None if age is None else age[rows]
    )


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
