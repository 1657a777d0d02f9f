"""Mamba's selective state space model: Gu & Dao 2023, arXiv 2312.00752 (section 3.2, algorithm 2; figure 3).

    x, z = W_in input;  x = silu(conv(x))           causal depthwise convolution over the last `conv_size` steps
    Δ_t = softplus(W_Δ V x_t + b),  B_t = W_B x_t,  C_t = W_C x_t       the selection: they depend on the input
    h_t = exp(Δ_t A) h_{t-1} + Δ_t B_t x_t,  y_t = C_t h_t + D x_t      N numbers for each of E channels, A < 0
    output = W_out (y silu(z))

A is discretised by a zero-order hold and B by Euler's rule, as in the authors' code; equation 4 has a hold for both.
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from seqmodels.config.ranges import WIDEST, size
from seqmodels.cores.base import Core, State
from seqmodels.cores.checks import check_dt

CHUNK = {"cpu": 2**19}
"""Numbers of h that exist at once, by device: on a CPU, what its caches hold (2**18 to 2**19 were the fastest)."""
CHUNK_ELSEWHERE = 2**25


class Mamba(Core):
    """Mamba's block. It has a gate and a way back to H, so that a `Stack` needs no mixer.

    State: (h, tail) with h (B, E, N) and tail (B, conv_size - 1, E), the convolution's last inputs.
    Parameters: E (3 H + 2 R + 3 N + conv_size + 3) with R = ceil(H / 16), the rank of Δ.

    Args:
        input_size: H, D of the input and of the output.
        state_size: N, numbers for each channel.
        expand: E / H, channels inside the block.
        conv_size: steps that the convolution sees, the present one included.
        dt_min, dt_max: where W_Δ adds nothing, each channel's Δ is drawn log-uniformly from between them. The n-th
            number of a channel, n = 1 ... N, then forgets in about 1 / (n Δ) steps.

    Raises:
        ValueError: a size is not positive, or the range of Δ is empty.
    """

    timescale_parameters = ("A_log", "D", "dt_proj.bias")  # D is none, but the authors spare it the weight decay too

    def __init__(
        self,
        input_size: int,
        state_size: int = 16,
        expand: int = 2,
        conv_size: int = 4,
        dt_min: float = 0.001,
        dt_max: float = 0.1,
    ) -> None:
        super().__init__()
        size(WIDEST, input_size=input_size, state_size=state_size, expand=expand, conv_size=conv_size)
        check_dt(dt_min, dt_max)
        self.input_size = self.output_size = input_size
        width, rank = expand * input_size, math.ceil(input_size / 16)
        self.in_proj = nn.Linear(input_size, 2 * width, bias=False)
        limit = conv_size**-0.5  # as nn.Conv1d draws them
        self.conv_weight = nn.Parameter(torch.empty(conv_size, width).uniform_(-limit, limit))
        self.conv_bias = nn.Parameter(torch.empty(width).uniform_(-limit, limit))
        self.x_proj = nn.Linear(width, rank + 2 * state_size, bias=False)
        self.dt_proj = nn.Linear(rank, width)
        self.A_log = nn.Parameter(torch.arange(1.0, state_size + 1).log().repeat(width, 1))  # S4D-Real
        self.D = nn.Parameter(torch.ones(width))
        self.out_proj = nn.Linear(width, input_size, bias=False)
        dt = torch.empty(width).uniform_(math.log(dt_min), math.log(dt_max)).exp()
        with torch.no_grad():
            self.dt_proj.weight.uniform_(-(rank**-0.5), rank**-0.5)
            self.dt_proj.bias.copy_(dt + (-(-dt).expm1()).log())  # the inverse of softplus

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        width, state_size = self.A_log.shape
        shapes = (width, state_size), (len(self.conv_weight) - 1, width)
        device, dtype = device or self.D.device, dtype or self.D.dtype
        return tuple(torch.zeros(batch_size, *shape, device=device, dtype=dtype) for shape in shapes)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        h, tail = self.initial_state(x.shape[0], x.device) if state is None else state
        x, z = self.in_proj(x).chunk(2, -1)
        x, tail = self._convolve(torch.cat([tail, x.to(tail.dtype)], 1), x.shape[1])
        x = F.silu(x)
        dt, b, c = self.x_proj(x).split([self.dt_proj.in_features, *[h.shape[-1]] * 2], -1)
        dt, b, c = F.softplus(self.dt_proj(dt).to(h.dtype)), b.to(h.dtype), c.to(h.dtype)
        scan = _step if x.shape[1] == 1 else selective_scan
        y, h = scan(dt, dt * x, -self.A_log.exp().to(h.dtype), b, c, h)
        return self.out_proj((y + self.D * x) * F.silu(z)), (h, tail)

    def _convolve(self, x: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """The last `steps` of x (B, conv_size - 1 + steps, E), and the tail; a sum, as conv1d costs a step far more."""
        y: Tensor = self.conv_bias
        for k, weight in enumerate(self.conv_weight):
            y = torch.addcmul(y, x[:, k : k + steps], weight)
        return y, x[:, steps:].clone()


def _step(dt: Tensor, u: Tensor, A: Tensor, b: Tensor, c: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """`selective_scan` of one step."""
    h = (dt.transpose(1, 2) * A).exp() * h + u.transpose(1, 2) * b
    return (h * c).sum(-1).unsqueeze(1), h


@torch.compiler.disable  # it would unroll every step
def selective_scan(dt: Tensor, u: Tensor, A: Tensor, b: Tensor, c: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """h_t = exp(dt_t A) h_{t-1} + u_t b_t and y_t = c_t h_t, with exact gradients.

    All of h would be N times as large as u. It exists a chunk of steps at a time, of which only the first h is kept;
    the gradient computes the others once more (section 3.3.2 of the paper does so in the GPU's fast memory).

    Args:
        dt, u: (B, T, E).
        A: (E, N).
        b, c: (B, T, N).
        h: (B, E, N), before the first step.

    Returns:
        y (B, T, E), and h after the last step.
    """
    y, h = _SelectiveScan.apply(dt, u, A.t().contiguous(), b, c, h.transpose(1, 2))
    return y, h.transpose(1, 2).contiguous()


class _SelectiveScan(torch.autograd.Function):
    """As `selective_scan`, but A is (N, E) and h (B, N, E): the long axis last. Below, k are the steps of a chunk."""

    @staticmethod
    def forward(ctx: Any, dt: Tensor, u: Tensor, A: Tensor, b: Tensor, c: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        y, starts = torch.empty_like(u), []
        for k in _chunks(u, A):
            starts.append(h)
            _, states = _states(dt[:, k], u[:, k], A, b[:, k], h)
            h = states[:, -1].clone()
            y[:, k] = states.mul_(c[:, k, :, None]).sum(2)
        ctx.save_for_backward(dt, u, A, b, c, *starts)
        return y, h

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_y: Tensor, grad_h: Tensor) -> tuple[Tensor, ...]:
        dt, u, A, b, c, *starts = ctx.saved_tensors
        grad_dt, grad_u, grad_A, grad_b, grad_c = (torch.zeros_like(tensor) for tensor in (dt, u, A, b, c))
        for k, start in reversed([*zip(_chunks(u, A), starts, strict=True)]):
            decays, states = _states(dt[:, k], u[:, k], A, b[:, k], start)
            grad_c[:, k] = (states * grad_y[:, k, None]).sum(-1)
            grads = grad_y[:, k, None] * c[:, k, :, None]  # of each h, at first through its own y alone
            grads[:, -1] += grad_h
            for t in reversed(range(1, grads.shape[1])):
                grads[:, t - 1].addcmul_(decays[:, t], grads[:, t])
            grad_h = decays[:, 0] * grads[:, 0]
            grad_u[:, k] = (grads * b[:, k, :, None]).sum(2)
            grad_b[:, k] = (grads * u[:, k, None]).sum(-1)
            exponents = grads.mul_(decays)  # the gradient of dt A, but for h_{t-1}
            exponents[:, 1:] *= states[:, :-1]
            exponents[:, 0] *= start
            grad_dt[:, k] = (exponents * A).sum(2)
            grad_A += (exponents * dt[:, k, None]).sum((0, 1))
        return grad_dt, grad_u, grad_A, grad_b, grad_c, grad_h


def _chunks(u: Tensor, A: Tensor) -> Iterator[slice]:
    """The steps of each chunk: N / 2 or more, so that one h of each chunk is at most twice as much as u."""
    limit = CHUNK.get(u.device.type, CHUNK_ELSEWHERE)
    length = max(1, len(A) // 2, limit // (u.shape[0] * A.numel()))
    return (slice(start, start + length) for start in range(0, u.shape[1], length))


def _states(dt: Tensor, u: Tensor, A: Tensor, b: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """The decays and all h of one chunk, each (B, k, N, E)."""
    decays = (dt.unsqueeze(2) * A).exp_()
    states = u.unsqueeze(2) * b.unsqueeze(3)
    for t in range(states.shape[1]):
        h = states[:, t].addcmul_(decays[:, t], h)
    return decays, states
