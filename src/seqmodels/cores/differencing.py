"""Differencing for any core: changes instead of levels, what a signal with a trend has in common with its own past."""

import torch
from torch import Tensor

from seqmodels.cores.base import Core, State


class Differencing(Core):
    """A core that reads by how much its input differs from the step before: d x_t = x_t - x_{t-1}.

    A trend takes levels to where no training was; changes stay where they were (Box & Jenkins 1970, chapter 4). The
    first step of a stream counts as no change. The core is told of changes as they are, whatever time they took.

    State: the last input (B, D), whether there was one (B, 1) as 0 or 1, and the state of the core that reads.
    """

    takes_reset = True

    def __init__(self, core: Core) -> None:
        """
        Args:
            core: reads the changes.
        """
        super().__init__()
        self.core = core
        self.input_size, self.output_size = core.input_size, core.output_size
        self.takes_dt = core.takes_dt

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        inner = self.core.initial_state(batch_size, device, dtype)
        like = next((tensor for tensor in inner if tensor.is_floating_point()), torch.zeros(0, dtype=dtype))
        last = torch.zeros(batch_size, self.input_size, device=inner[0].device, dtype=like.dtype)
        return last, torch.zeros(batch_size, 1, device=last.device, dtype=torch.int64), *inner

    def forward(
        self, x: Tensor, state: State | None = None, reset: Tensor | None = None, dt: Tensor | None = None
    ) -> tuple[Tensor, State]:
        last, begun, *inner = self.initial_state(len(x), x.device, x.dtype) if state is None else state
        before = torch.where(begun > 0, last.to(x.dtype), x[:, 0])
        before = torch.cat([before[:, None], x[:, :-1]], 1)
        if reset is not None:
            before = torch.where(reset.unsqueeze(-1), x, before)
        y, end = self.core(x - before, tuple(inner), reset, dt)
        return y, (x[:, -1].clone(), torch.ones_like(begun), *end)
