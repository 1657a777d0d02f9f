"""The two graphs that a run becomes, both with the state as inputs and outputs.

    step      y, next_state_0, ... = graph(x, state_0, ...)     x (B, D), y (B, Y)
    window    the same                                          x (B, T, D), y (B, T, Y)

Of a run whose core is told the time between steps, `dt` stands behind x, (B,) and (B, T): graph(x, dt, state_0, ...).

Of a classifier y is called logits, (B, classes) in both; of a labeller logits as well, one row a step. A step has no
time axis, since whoever feeds one reading at a time has none: a row of D numbers goes in, a row comes out, and nothing
of the wrong length fits.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim

from seqmodels.cores.base import State

Call = Callable[..., tuple[Tensor, ...]]
"""A graph at work: (x, *state), or (x, dt, *state), to (y, *next state)."""

FORMS = ("step", "window")


class WindowGraph(nn.Module):
    """The module as a function of tensors alone; `fill` is read in place of NaN and infinities.

    With `has_dt` the first of the state is no state, but dt.
    """

    fill: Tensor | None

    def __init__(self, module: Any, fill: Tensor | None = None, has_dt: bool = False) -> None:
        super().__init__()
        self.module, self.has_dt = module, has_dt
        self.register_buffer("fill", fill)

    def forward(self, x: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        if self.fill is not None:
            x = torch.where(x.isfinite(), x, self.fill.to(x.dtype))
        y, state = self.module(x, state[1:], dt=state[0]) if self.has_dt else self.module(x, state)
        return y, *state


class StepGraph(WindowGraph):
    """The same for one step, without a time axis."""

    def forward(self, x: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        if self.has_dt:
            state = state[0].unsqueeze(1), *state[1:]
        y, *ends = super().forward(x.unsqueeze(1), *state)
        return y.squeeze(1) if y.dim() == 3 else y, *ends


@dataclass(frozen=True)
class Form:
    """A graph, and what an exporter has to know about it.

    Attributes:
        graph: takes `inputs`, or others with another B (and T).
        inputs: an example, x, dt where it has one, and the state.
        output: the name of y.
        has_dt: whether it has a dt.
    """

    graph: nn.Module
    inputs: tuple[Tensor, ...]
    output: str
    has_dt: bool = False

    @property
    def _state_names(self) -> list[str]:
        return [f"state_{number}" for number in range(len(self.inputs) - 1 - self.has_dt)]

    @property
    def input_names(self) -> list[str]:
        return ["x", *["dt"] * self.has_dt, *self._state_names]

    @property
    def output_names(self) -> list[str]:
        return [self.output, *(f"next_{name}" for name in self._state_names)]

    @property
    def dynamic_shapes(self) -> dict[str, Any]:
        batch = {0: Dim("batch")}
        x = batch if self.inputs[0].dim() == 2 else batch | {1: Dim("time")}
        return {"x": x, "state": (*[x] * self.has_dt, *[batch] * len(self._state_names))}


def form_of(name: str, module: Any, fill: Tensor | None = None, has_dt: bool = False) -> Form:
    """The graph called `name`, step or window, with inputs to trace it by; the rest as in `WindowGraph`."""
    state = begin(module, 1)
    batch, time = sizes_apart(module, state)
    shape = (batch, module.core.input_size) if name == "step" else (batch, time, module.core.input_size)
    graph = (StepGraph if name == "step" else WindowGraph)(module, fill, has_dt)
    output = "y" if module.task == "regression" else "logits"
    x = torch.zeros(shape, dtype=dtype_of(module))
    return Form(graph, (x, *[torch.ones_like(x[..., 0])] * has_dt, *expanded(state, batch)), output, has_dt)


def begin(module: Any, batch: int) -> State:
    """The state of streams that have seen nothing yet."""
    with torch.no_grad():
        return expanded(module.core.initial_state(1, torch.device("cpu"), dtype_of(module)), batch)


def expanded(state: State, batch: int) -> State:
    """The state of one stream for a batch of them; each tensor its own memory, or an exporter takes two for one."""
    return tuple(tensor.repeat(batch, *[1] * (tensor.dim() - 1)) for tensor in state)


def plain(module: Any) -> Any:
    """A copy to take apart: not compiled, nothing to train."""
    return copy.deepcopy(module).requires_grad_(False).eval()


def dtype_of(module: Any) -> torch.dtype:
    return module.head.weight.dtype


def sizes_apart(module: Any, state: State) -> tuple[int, int]:
    """B and T of an example, unlike any other size of the model: torch.export takes a B that meets one for fixed."""
    taken = {size for tensor in (*state, *module.parameters(), *module.buffers()) for size in tensor.shape}
    batch, time = [size for size in range(5, len(taken) + 7) if size not in taken][:2]
    return batch, time
