"""The contract of every core: `y, state = core(x, state)`.

Letters: B batch rows, T time steps, D feature width. Tensors are batch first: x is (B, T, D).
"""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

State = tuple[Tensor, ...]
"""What a stream remembers: every tensor is (B, ...), float or integer."""


class Core(nn.Module, ABC):
    """A causal sequence layer (or a stack of them) with an explicit state.

    Every core obeys these laws; `tests/test_core_laws.py` proves them for each YAML in `conf/core/`:

    - reading a sequence in pieces, carrying the state, equals reading it at once;
    - rows of the batch do not influence each other;
    - y at step t depends on x up to and including step t only;
    - a state owns its memory: it is no view that keeps a whole window alive;
    - reading nothing, T = 0 or B = 0, changes nothing: `__call__` sees to it, `forward` always has something to read.

    Attributes:
        input_size: D of the input.
        output_size: D of the output.
        timescale_parameters: names of its own parameters that set its time scales, such as A and dt of a state-space
            model. They are learned at a rate of their own and without weight decay, which would change what the core
            remembers.
        uses_initial_state: whether the numbers in `initial_state` have an influence. A memory that says how much of it
            is there has none at the start, so that there is nothing to learn.
        initial_state_is_fixed: whether no gradient ever reaches `initial_state`. One that is learned stays in the graph
            of a window in which no stream starts anew, with a gradient of zero.
    """

    input_size: int
    output_size: int
    timescale_parameters: tuple[str, ...] = ()
    uses_initial_state: bool = True
    initial_state_is_fixed: bool = False

    def __init_subclass__(cls, **named: Any) -> None:
        super().__init_subclass__(**named)
        if "initial_state" in vars(cls) and "initial_state_is_fixed" not in vars(cls):
            cls.initial_state_is_fixed = False  # what the parent says is of the parent's

    @abstractmethod
    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        """The state of `batch_size` streams that have seen nothing yet."""

    @abstractmethod
    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Read T steps.

        Args:
            x: (B, T, input_size).
            state: what `forward` or `initial_state` returned; None means `initial_state`.

        Returns:
            y: (B, T, output_size), and the state after the last step, still part of the graph.
        """

    def __call__(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """As `forward`, also where T or B is 0: then the state is the one that came."""
        if x.shape[0] and x.shape[1]:
            return super().__call__(x, state)
        state = self.initial_state(len(x), x.device) if state is None else state
        return x.new_zeros(*x.shape[:2], self.output_size), state

    def reset_rows(self, state: State, rows: Tensor) -> State:
        """Let some streams start anew and leave the others bit for bit as they are.

        Args:
            state: the state of B streams.
            rows: (B,) bool, True where the stream starts anew. Whatever stood there, NaN included, is gone.
        """
        none = rows.device.type == "cpu" and not bool(rows.any())  # a GPU would wait for the answer
        if none and self.initial_state_is_fixed:
            return state
        dtype = next((tensor.dtype for tensor in state if tensor.is_floating_point()), None)
        fresh = self.initial_state(batch_size(state), state[0].device, dtype)
        if none and not any(tensor.requires_grad for tensor in fresh):
            return state
        return tuple(
            torch.where(rows.view(-1, *[1] * (old.dim() - 1)), new.to(old.dtype), old)
            for old, new in zip(state, fresh, strict=True)
        )


def detach(state: State) -> State:
    """The same state, cut off from the graph: where truncated back-propagation stops."""
    return tuple(tensor.detach() for tensor in state)


def batch_size(state: State) -> int:
    """B, the number of streams that a state belongs to."""
    return state[0].shape[0]
