"""Streams that a file is tried on, and what the run itself makes of them."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from seqmodels.cores.base import State
from seqmodels.exporting.graphs import StepGraph, WindowGraph, begin, dtype_of

LENGTHS = {"step": [1] * 1000, "window": [1, 7, 2, 50, 340, 600]}
"""Steps read by each call, one after the other."""

BATCHES = (1, 3)


@dataclass(frozen=True)
class Trial:
    """What the run itself makes of streams of noise, or of any tokens.

    Attributes:
        graph: the run itself as a function of tensors.
        inputs: x of each call, and dt where there is one.
        states: before each call, and after the last.
        outputs: y of each call.
    """

    graph: WindowGraph
    inputs: list[tuple[Tensor, ...]]
    states: list[State]
    outputs: list[Tensor]

    @cached_property
    def roundings(self) -> tuple[list[Tensor], list[Tensor]]:
        """How far rounding alone has taken the run from what 64 bits make of the same streams.

        Returns:
            For each call (Y,), the largest up to then, and for each tensor of the last state (), the largest in it.
        """
        graph, state, apart = copy.deepcopy(self.graph).double(), [wide(one) for one in self.states[0]], []
        with torch.no_grad():
            for inputs, y in zip(self.inputs, self.outputs, strict=True):
                exact, *state = graph(*map(wide, inputs), *state)
                apart.append((exact - y).abs().flatten(0, -2).amax(0))
        ends = [(one - end).abs().max() for one, end in zip(state, self.states[-1], strict=True)]
        return list(accumulate(apart, torch.maximum)), ends


def wide(tensor: Tensor) -> Tensor:
    """The same in 64 bits; integers as they are."""
    return tensor.double() if tensor.is_floating_point() else tensor


def trials(name: str, module: Any, has_dt: bool = False) -> list[Trial]:
    """The streams that a step or a window is tried on, of as many rows as `BATCHES` says.

    Raises:
        ValueError: the run's own output is no number.
    """
    graph = (StepGraph if name == "step" else WindowGraph)(module, has_dt=has_dt)
    return [_trial(graph, batch, LENGTHS[name]) for batch in BATCHES]


@torch.no_grad()
def _trial(graph: WindowGraph, batch: int, lengths: Sequence[int]) -> Trial:
    module, dtype = graph.module, dtype_of(graph.module)
    inputs = [one.to(dtype).split(list(lengths), dim=1) for one in _streams(module, batch, sum(lengths))]
    if isinstance(graph, StepGraph):
        inputs = [tuple(one.squeeze(1) for one in chunks) for chunks in inputs]
    calls: list[tuple[Tensor, ...]] = list(zip(*(inputs if graph.has_dt else inputs[:1]), strict=True))
    outputs, states = [], [begin(module, batch)]
    for call in calls:
        y, *state = graph(*call, *states[-1])
        outputs.append(y)
        states.append(tuple(state))
    if not all(y.isfinite().all() for y in outputs):
        raise ValueError("the run's own output for noise like its data is NaN or infinite; choose another checkpoint")
    return Trial(graph, calls, states, outputs)


def _streams(module: Any, batch: int, steps: int) -> tuple[Tensor, Tensor]:
    """x (B, T, D) in physical units, and dt (B, T)."""
    generator, size = torch.Generator().manual_seed(batch), (batch, steps, module.core.input_size)
    if module.tokens:
        x = torch.randint(module.tokens, size, generator=generator)
    else:
        x = module.input_mean + module.input_std * torch.randn(size, generator=generator)
    return x, 3 * torch.rand(batch, steps, generator=generator)


def unit_of(module: Any, tried: Sequence[Trial]) -> Tensor:
    """(Y,) or (), what differences are measured in: the target's standard deviation, where the module knows one; else
    the size of the largest output, at least 1.

    Logits have any size, and what float32 makes of them is off by a part of it.
    """
    std = getattr(module, "target_std", None)
    if std is not None:
        return std.detach()
    return torch.stack([y.abs().max() for trial in tried for y in trial.outputs]).max().clamp(min=1)
