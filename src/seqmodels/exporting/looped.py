"""A window as a loop over steps.

A format may have no word for a core that reads a whole window: ONNX has LSTM and GRU, but torch's exporter unrolls an
RNN and so fixes T, and torch.export unrolls all three. Reading a window step by step is the same by the core's laws.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch._higher_order_ops import scan  # documented there, though the name says private
from torch.export import Dim, export

from seqmodels.cores.base import Core, State
from seqmodels.exporting.folding import fold
from seqmodels.exporting.graphs import begin, dtype_of, expanded, plain, sizes_apart


class OneStep(nn.Module):
    """A core as a function of (B, D) and tensors, of which with `has_dt` the first is dt, (B,)."""

    def __init__(self, core: Core, has_dt: bool) -> None:
        super().__init__()
        self.core, self.has_dt = core, has_dt

    def forward(self, x: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        dt = state[0].unsqueeze(1) if self.has_dt else None
        y, ends = self.core(x.unsqueeze(1), state[self.has_dt :], None, dt)
        return y.squeeze(1), *ends


class StepByStep(nn.Module):
    """In the place of a core: calls it once a step, in a loop that stays a loop in the graph."""

    def __init__(self, core: Core, step: nn.Module) -> None:
        """
        Args:
            core: whose place it takes.
            step: what that does in one step, (B, D), dt (B,) where it is told the time, and state to (B, H) and state,
                as plain operations: a loop cannot be traced through nn.RNN itself, which rearranges its weights.
        """
        super().__init__()
        self.input_size, self.output_size = core.input_size, core.output_size
        self.initial_state = core.initial_state
        self.step = step

    def forward(self, x: Tensor, state: State, reset: None = None, dt: Tensor | None = None) -> tuple[Tensor, State]:
        def body(state: State, inputs: tuple[Tensor, ...]) -> tuple[State, Tensor]:
            y, *ends = self.step(*inputs, *state)
            return tuple(_packed(tensor) for tensor in ends), _packed(y)

        inputs = tuple(_packed(one.transpose(0, 1)) for one in (x, dt) if one is not None)
        end, y = scan(body, tuple(_packed(tensor) for tensor in state), inputs)
        return y.transpose(0, 1), end


def _packed(tensor: Tensor) -> Tensor:
    """A copy with the elements in order: a loop wants the same strides in every turn, and no memory shared."""
    return tensor.clone(memory_format=torch.contiguous_format)


def step_by_step(module: Any, has_dt: bool = False) -> Any:
    """The module with its core read step by step; with `has_dt` the core is told the time."""
    looped = plain(module)
    batch, _ = sizes_apart(module, begin(module, 1))
    x = torch.zeros(batch, module.core.input_size, dtype=dtype_of(module))
    state = (*[torch.ones_like(x[:, 0])] * has_dt, *expanded(begin(module, 1), batch))
    shapes = {"x": {0: Dim("batch")}, "state": ({0: Dim("batch")},) * len(state)}
    step = export(OneStep(looped.core, has_dt), (x, *state), dynamic_shapes=shapes).run_decompositions()
    looped.core = StepByStep(looped.core, fold(step.module(check_guards=False)))
    return looped
