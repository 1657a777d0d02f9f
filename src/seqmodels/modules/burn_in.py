"""Burn-in: the first steps of a fresh stream are read, but neither counted nor learned from.

burn_in = 3    row 0   . . . o | o o o o | o o o o       . read without loss and gradient
               row 1   . . . o | R . . . | o o o o       R the stream starts anew, age 0
               row 2   . . . o | o o R . | . . o o
"""

from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F

from seqmodels.cores.base import Core, State
from seqmodels.datamodules.window import Window
from seqmodels.modules.carry import StreamState


def age_at_start(streams: StreamState, reset: Tensor, burn_in: int) -> Tensor:
    """(B,) steps that each stream has behind it when a window begins, `burn_in` standing for all above.

    A state without an age comes from a training without burn-in; its streams are not fresh.
    """
    if streams.age is None:
        return torch.full_like(reset, 0 if streams.state is None else burn_in, dtype=torch.long).masked_fill(reset, 0)
    return streams.age.masked_fill(reset, 0)


def age_at_steps(age: Tensor, steps: int, reset: Tensor | None) -> Tensor:
    """(B, T) steps that each stream has behind it at each step of a window.

    Args:
        age: (B,) when the window begins.
        steps: T.
        reset: (B, T) bool, where streams start anew inside it.
    """
    step = torch.arange(steps, device=age.device).expand(len(age), -1)
    if reset is None:
        return age[:, None] + step
    last = torch.where(reset, step, -1).cummax(1).values
    return torch.where(last < 0, age[:, None] + step, step - last)


def read(
    core: Core,
    x: Tensor,
    state: State | None,
    young: Tensor,
    reset: Tensor | None = None,
    dt: Tensor | None = None,
) -> tuple[Tensor, State]:
    """As `core(x, state, reset, dt)`, but no gradient enters the steps of burn-in.

    The window is read in pieces that end where some row's burn-in ends; there the state of that row is cut off. A GPU
    waits once a window, to tell where that is. Every weight stays part of the graph, as DDP wants it.

    Args:
        core: reads.
        x, reset, dt: (B, T, D), normalised, and as in `Core`.
        state: before the window.
        young: (B, T) bool, steps of burn-in.
    """
    if not torch.is_grad_enabled():
        return core(x, state, reset, dt)
    steps = x.shape[1]
    last = (young & ~F.pad(young[:, 1:], (0, 1))).any(0)
    ends = [step + 1 for step, is_last in enumerate(last.tolist()) if is_last]
    outputs = []
    for start, end in pairwise([0, *(end for end in ends if end < steps), steps]):
        piece = slice(start, end)
        y, state = core(x[:, piece], state, *(one if one is None else one[:, piece] for one in (reset, dt)))
        outputs.append(y)
        if end in ends:
            state = _cut(state, young[:, end - 1])
    assert state is not None
    return torch.cat(outputs, 1) if len(outputs) > 1 else outputs[0], state


def without(window: Window, young: Tensor | None) -> Window:
    """The window with the steps of burn-in (B, T) taken out of its mask; None leaves it."""
    return window if young is None else window._replace(mask=window.mask & ~young)


def _cut(state: State, rows: Tensor) -> State:
    return tuple(torch.where(rows.view(-1, *[1] * (tensor.dim() - 1)), tensor.detach(), tensor) for tensor in state)
