"""Burn-in: the first steps of a fresh stream are read, but neither counted nor learned from.

burn_in = 3    row 0   . . . o | o o o o | o o o o       . read without loss and gradient
               row 1   . . . o | R . . . | o o o o       R the stream starts anew, age 0
"""

from itertools import pairwise

import torch
from torch import Tensor

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


def read(core: Core, x: Tensor, state: State | None, young: Tensor) -> tuple[Tensor, State]:
    """As `core(x, state)`, but no gradient enters the first `young[b]` steps of row b.

    The window is read in pieces that end where some row's burn-in ends; there the state of that row is cut off. A GPU
    waits once a window, to tell where that is. Every weight stays part of the graph, as DDP wants it.

    Args:
        core: reads.
        x: (B, T, D), normalised.
        state: before the window.
        young: (B,) steps from 0 to T.
    """
    if not torch.is_grad_enabled():
        return core(x, state)
    steps, ends = x.shape[1], young.unique().tolist()
    outputs = []
    for start, end in pairwise([0, *(end for end in ends if 0 < end < steps), steps]):
        y, state = core(x[:, start:end], state)
        outputs.append(y)
        if ends[-1] >= end:
            state = _cut(state, young >= end)
    assert state is not None
    return torch.cat(outputs, 1) if len(outputs) > 1 else outputs[0], state


def without(window: Window, young: Tensor | None) -> Window:
    """The window with the steps of burn-in, `young[b]` of row b, taken out of its mask; None leaves it."""
    if young is None:
        return window
    steps = torch.arange(window.mask.shape[1], device=young.device)
    return window._replace(mask=window.mask & (steps >= young[:, None]))


def _cut(state: State, rows: Tensor) -> State:
    return tuple(torch.where(rows.view(-1, *[1] * (tensor.dim() - 1)), tensor.detach(), tensor) for tensor in state)
