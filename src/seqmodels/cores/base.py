"""The contract of every core: `y, state = core(x, state)`, or where streams begin inside a window, or their steps are
not alike, `y, state = core(x, state, reset, dt)`.

Letters: B batch rows, T time steps, D feature width. Tensors are batch first: x is (B, T, D).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from seqmodels.cores.registry import cores_with_dt

State = tuple[Tensor, ...]
"""What a stream remembers: every tensor is (B, ...), float or integer."""


class Core(nn.Module, ABC):
    """A causal sequence layer (or a stack of them) with an explicit state.

    Every core obeys these laws; `tests/test_core_laws.py` proves them for each YAML in `conf/core/`:

    - reading a sequence in pieces, carrying the state, equals reading it at once;
    - rows of the batch do not influence each other;
    - y at step t depends on x up to and including step t only;
    - a state owns its memory: it is no view that keeps a whole window alive;
    - reading nothing, T = 0 or B = 0, changes nothing: `__call__` sees to it, `forward` always has something to read;
    - a reset inside a window is the end of one sequence and the beginning of another, for its row alone;
    - dt = 1 everywhere is no dt.

    `forward` has as many of the arguments as it takes, in their order: `forward(x, state=None)`, with `takes_reset`
    `forward(x, state=None, reset=None)`, and with `takes_dt` `forward(x, state=None, reset=None, dt=None)`.

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
        takes_reset: whether `forward` takes `reset`. For one that does not, `__call__` reads the window in pieces that
            begin where a row does, so that many resets cost as much as many short windows.
        takes_dt: whether `forward` takes `dt`, and `reset` with it; a call with `dt` of another core is refused.
    """

    input_size: int
    output_size: int
    timescale_parameters: tuple[str, ...] = ()
    uses_initial_state: bool = True
    initial_state_is_fixed: bool = False
    takes_reset: bool = False
    takes_dt: bool = False

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
    def forward(self, *args: Any, **kwargs: Any) -> tuple[Tensor, State]:
        """What `__call__` says, of one step or more, with as many of its arguments as the core takes."""

    def __call__(
        self, x: Tensor, state: State | None = None, reset: Tensor | None = None, dt: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Read T steps.

        Args:
            x: (B, T, input_size).
            state: what a call or `initial_state` returned; None means `initial_state`.
            reset: (B, T) bool, True where the stream starts anew at that step, which is read from `initial_state`;
                None where none does.
            dt: (B, T), the time from the step before to each step, in steps of the data: 1 at the first step of a
                stream, which has none before it. None means 1 everywhere.

        Returns:
            y: (B, T, output_size), and the state after the last step, still part of the graph. Where T or B is 0, the
            state is the one that came.

        Raises:
            ValueError: `dt` for a core that does not take it, or a shape is not (B, T).
        """
        if reset is None and dt is None and x.shape[0] and x.shape[1]:
            return super().__call__(x, state)
        self._check(x, reset=reset, dt=dt)
        if not (x.shape[0] and x.shape[1]):
            state = self.initial_state(len(x), x.device) if state is None else state
            return x.new_zeros(*x.shape[:2], self.output_size), state
        if reset is not None and state is not None:
            state = self.reset_rows(state, reset[:, 0])
        if reset is not None and reset.device.type == "cpu" and not reset[:, 1:].any():
            reset = None  # a GPU would wait for the answer
        if reset is not None and not self.takes_reset:
            return self.in_pieces(x, state, reset, dt)
        if dt is not None:
            return super().__call__(x, state, reset, dt)
        return super().__call__(x, state) if reset is None else super().__call__(x, state, reset)

    def in_pieces(self, x: Tensor, state: State | None, reset: Tensor, dt: Tensor | None) -> tuple[Tensor, State]:
        """Read a window in pieces that begin where any row is reset after its first step; a GPU waits once."""
        starts = [step for step, is_start in enumerate(reset.any(0).tolist()) if is_start and step]
        outputs = []
        for start, stop in pairwise([0, *starts, x.shape[1]]):
            if start and state is not None:
                state = self.reset_rows(state, reset[:, start])
            y, state = self(x[:, start:stop], state, None, dt if dt is None else dt[:, start:stop])
            outputs.append(y)
        assert state is not None
        return torch.cat(outputs, 1), state

    def _check(self, x: Tensor, **steps: Tensor | None) -> None:
        if steps["dt"] is not None and not self.takes_dt:
            core = [one for one in self.modules() if isinstance(one, Core) and not one.takes_dt][-1]
            raise ValueError(
                f"{type(core).__name__} knows of no time between its steps, so dt={tuple(steps['dt'].shape)} cannot "
                f"be read; choose a core that does ({', '.join(f'core={name}' for name in cores_with_dt())}), or "
                f"give no dt"
            )
        for name, given in steps.items():
            if given is not None and given.shape != x.shape[:2]:
                raise ValueError(
                    f"{name} is {tuple(given.shape)} where x has {x.shape[0]} rows of {x.shape[1]} steps; give one "
                    f"for each of them, {tuple(x.shape[:2])}"
                )

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


@contextmanager
def untouched(module: nn.Module, device: torch.device) -> Iterator[None]:
    """A look inside leaves no trace: random numbers and the module's buffers are as before.

    It stays in training mode, where dropout is what the training sees and cuDNN has a backward pass.
    """
    buffers = [(buffer, buffer.clone()) for buffer in module.buffers()]
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        yield
    with torch.no_grad():
        for buffer, before in buffers:
            buffer.copy_(before)
