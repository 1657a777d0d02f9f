"""Mamba's selective state space model: Gu & Dao 2023, arXiv 2312.00752 (section 3.2, algorithm 2; figure 3).

    x, z = W_in input;  x = silu(conv(x))           causal depthwise convolution over the last `conv_size` steps
    Δ_t = softplus(W_Δ V x_t + b),  B_t = W_B x_t,  C_t = W_C x_t       the selection: they depend on the input
    h_t = exp(Δ_t A) h_{t-1} + Δ_t B_t x_t,  y_t = C_t h_t + D x_t      N numbers for each of E channels, A < 0
    output = W_out (y silu(z))

A is discretised by a zero-order hold and B by Euler's rule, as in the authors' code; equation 4 has a hold for both.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqmodels.config.ranges import WIDEST, size
from seqmodels.cores.base import Core, State
from seqmodels.cores.selective_scan import selective_scan
from seqmodels.cores.short_convolution import short_convolution
from seqmodels.cores.step_sizes import bias_of_dt


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

    takes_reset = True
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
        bias = bias_of_dt(width, dt_min, dt_max)
        with torch.no_grad():
            self.dt_proj.weight.uniform_(-(rank**-0.5), rank**-0.5)
            self.dt_proj.bias.copy_(bias)

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        width, state_size = self.A_log.shape
        shapes = (width, state_size), (len(self.conv_weight) - 1, width)
        device, dtype = device or self.D.device, dtype or self.D.dtype
        return tuple(torch.zeros(batch_size, *shape, device=device, dtype=dtype) for shape in shapes)

    def forward(self, x: Tensor, state: State | None = None, reset: Tensor | None = None) -> tuple[Tensor, State]:
        h, tail = self.initial_state(x.shape[0], x.device) if state is None else state
        x, z = self.in_proj(x).chunk(2, -1)
        x, tail = short_convolution(x, tail, self.conv_weight, self.conv_bias, reset)
        x = F.silu(x)
        dt, b, c = self.x_proj(x).split([self.dt_proj.in_features, *[h.shape[-1]] * 2], -1)
        dt, z, b, c = (tensor.to(h.dtype) for tensor in (self.dt_proj(dt), z, b, c))
        inputs = dt, x, z, -self.A_log.exp().to(h.dtype), b, c, self.D, h
        y, h = _scan_step(*inputs) if x.shape[1] == 1 else selective_scan(*inputs, reset)
        return self.out_proj(y), (h, tail)


def _scan_step(
    dt: Tensor, x: Tensor, z: Tensor, A: Tensor, b: Tensor, c: Tensor, D: Tensor, h: Tensor
) -> tuple[Tensor, Tensor]:
    """`selective_scan` of one step."""
    dt = F.softplus(dt)
    h = (dt.transpose(1, 2) * A).exp() * h + (dt * x).transpose(1, 2) * b
    return ((h * c).sum(-1).unsqueeze(1) + D * x) * F.silu(z), h
