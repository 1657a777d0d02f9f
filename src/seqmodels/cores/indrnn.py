"""Independently recurrent network, IndRNN (Li, Li, Cook, Zhu & Gao 2018, arXiv 1803.04831).

    h_t = relu(W x_t + b + u ⊙ h_{t-1})

Every unit remembers itself alone, by a weight u of its own; units meet in the W of the next layer. The gradient of a
unit that stays active is multiplied by u at every step, so |u| <= 2^(1/T) lets it grow by no more than 2 in T steps.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from seqmodels.config.ranges import at_least
from seqmodels.cores.base import Core, State
from seqmodels.cores.checks import expanded
from seqmodels.cores.scan import linear_scan


class IndRNN(Core):
    """One layer. State: (h,) with h (B, H).

    b begins with zero and u uniform in [0, 2^(1/T)], as in the paper; W as in torch's Linear, and as in the authors'
    code with normalisation between the layers (without any, they draw W normal with standard deviation 0.001). What an
    optimiser did to u beyond its bound is taken back before the next window is read in training, as there.
    """

    takes_reset = True
    timescale_parameters = ("u",)

    def __init__(
        self, input_size: int, expand: float = 1, max_steps: int | None = None, long_memory: bool = False
    ) -> None:
        """
        Args:
            input_size: D of the input.
            expand: H as a multiple of D.
            max_steps: T, the most steps through which a gradient goes; None takes an infinite T, that is |u| <= 1. Give
                none for endless streams, where a unit with u of 2^(1/T) overflows float32 after about 128 T steps.
            long_memory: begin with u in [2^(-1/T), 2^(1/T)], as the paper does in the last layer where the answer
                is read at the last step alone.

        Raises:
            ValueError: `expand` leaves no unit, or `max_steps` is not positive.
        """
        super().__init__()
        self.input_size = input_size
        self.output_size = expanded(input_size, expand)
        if max_steps is not None:
            at_least(1, max_steps=max_steps)
        self.bound = 2 ** (1 / max_steps) if max_steps else 1.0
        self.input = nn.Linear(input_size, self.output_size)
        nn.init.zeros_(self.input.bias)
        self.u = nn.Parameter(torch.empty(self.output_size))
        nn.init.uniform_(self.u, 1 / self.bound if long_memory else 0, self.bound)

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return (self.u.new_zeros(batch_size, self.output_size, device=device, dtype=dtype),)

    def forward(self, x: Tensor, state: State | None = None, reset: Tensor | None = None) -> tuple[Tensor, State]:
        (h,) = self.initial_state(len(x), x.device) if state is None else state
        if self.training:
            with torch.no_grad():
                self.u.clamp_(-self.bound, self.bound)
            u = self.u.clone()  # what goes backward is this u, whatever the next window of the same step does to it
        else:
            u = self.u.clamp(-self.bound, self.bound)
        drive = self.input(x).to(h.dtype)
        y = torch.relu(drive + (u * h).unsqueeze(1)) if x.shape[1] == 1 else _Recurrence.apply(drive, u, h, reset)
        return y, (y[:, -1].clone(),)


class _Recurrence(torch.autograd.Function):
    """Forward in a loop; backward needs none: G_t, the gradient of what relu reads at t, is linear in G_{t+1},

    G_t = [h_t > 0] (g_t + u G_{t+1}).

    Where a row is reset, u is 0 for it.
    """

    @staticmethod
    def forward(ctx: Any, drive: Tensor, u: Tensor, h0: Tensor, reset: Tensor | None) -> Tensor:
        y, h = torch.empty_like(drive), h0
        keep = None if reset is None else (~reset).to(u.dtype).unsqueeze(-1)
        weights = [u] * drive.shape[1] if keep is None else (keep * u).unbind(1)
        for drive_t, u_t, y_t in zip(drive.unbind(1), weights, y.unbind(1), strict=True):
            h = torch.addcmul(drive_t, u_t, h, out=y_t).relu_()
        ctx.save_for_backward(y, u, h0, keep)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        y, u, h0, keep = ctx.saved_tensors
        active = (y > 0).flip(1)
        after = active * u
        if keep is not None:
            after[:, 1:] *= keep[:, 1:].flip(1)
        total = linear_scan(after, active * grad.flip(1), torch.zeros_like(h0)).flip(1)
        into_first, later = total[:, 0], total[:, 1:]
        if keep is not None:
            into_first, later = into_first * keep[:, 0], later * keep[:, 1:]
        grad_u = (into_first * h0).sum(0) + (later * y[:, :-1]).sum((0, 1))
        return total, grad_u, into_first * u, None
