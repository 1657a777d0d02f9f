"""Mamba-2: Dao & Gu 2024, arXiv 2405.21060 (sections 5 to 7; figure 6, its parallel block).

    z, x, B, C, Δ = W_in input;  x, B, C = silu(conv(x, B, C));  Δ = softplus(Δ + b)
    S_t = exp(Δ_t A) S_{t-1} + B_t (Δ_t x_t)',  y_t = S_t' C_t + D x_t        S is N x P in each head, A < 0 a number
    output = W_out RMSNorm(y silu(z))

Mamba with one decay a head instead of one a number, so that a window is products of matrices and N can be large. B and
C are shared by all heads.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqmodels.config.ranges import WIDEST, size
from seqmodels.cores.base import Core, State
from seqmodels.cores.checks import check_heads
from seqmodels.cores.matrix_scan import decay_scan
from seqmodels.cores.rms_norm import RMSNorm
from seqmodels.cores.short_convolution import short_convolution
from seqmodels.cores.step_sizes import bias_of_dt


class Mamba2(Core):
    """The paper's block. It has a gate and a way back to D, so that a `Stack` needs no mixer.

    State: (S, tail) with S (B, H, N, P) and tail (B, conv_size - 1, E + 2 N), the convolution's last inputs; E = H P.
    Parameters: D (3 E + 2 N + H) + (conv_size + 1) (E + 2 N) + 3 H + E.
    """

    timescale_parameters = ("A_log", "D", "dt_bias")  # D is none, but the authors spare it the weight decay too
    takes_reset = takes_dt = True

    def __init__(
        self,
        input_size: int,
        state_size: int = 32,
        expand: int = 2,
        num_heads: int = 4,
        conv_size: int = 4,
        dt_min: float = 0.001,
        dt_max: float = 0.1,
    ) -> None:
        """
        Args:
            input_size: D of the input and of the output.
            state_size: N, numbers for each of the E channels.
            expand: E / D.
            num_heads: H, of P = E / H channels, which forget alike.
            conv_size: steps that the convolution sees, the present one included.
            dt_min, dt_max: where W_in adds nothing, each head's Δ is drawn log-uniformly from between them; -A from 1
                to 16. A head then forgets in about 1 / (-A Δ) steps.

        Raises:
            ValueError: a size is not positive, the heads do not divide E, or the range of Δ is empty.
        """
        super().__init__()
        size(WIDEST, input_size=input_size, state_size=state_size, expand=expand, conv_size=conv_size)
        size(WIDEST, num_heads=num_heads)
        width = expand * input_size
        check_heads(num_heads, width)
        self.input_size = self.output_size = input_size
        self.num_heads, self.state_size = num_heads, state_size
        self.read_sizes = width, state_size, state_size  # of x, B, C
        self.sizes = width, sum(self.read_sizes), num_heads  # of z, these together, Δ
        self.in_proj = nn.Linear(input_size, sum(self.sizes), bias=False)
        limit = conv_size**-0.5
        self.conv_weight = nn.Parameter(torch.empty(conv_size, self.sizes[1]).uniform_(-limit, limit))
        self.conv_bias = nn.Parameter(torch.empty(self.sizes[1]).uniform_(-limit, limit))
        self.dt_bias = nn.Parameter(bias_of_dt(num_heads, dt_min, dt_max))
        self.A_log = nn.Parameter(torch.empty(num_heads).uniform_(1, 16).log())
        self.D = nn.Parameter(torch.ones(num_heads))
        self.norm = RMSNorm(width, eps=1e-5)
        self.out_proj = nn.Linear(width, input_size, bias=False)

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        taps, read = self.conv_weight.shape
        shapes = (self.num_heads, self.state_size, self.sizes[0] // self.num_heads), (taps - 1, read)
        device, dtype = device or self.D.device, dtype or self.D.dtype
        return tuple(torch.zeros(batch_size, *shape, device=device, dtype=dtype) for shape in shapes)

    def forward(
        self, x: Tensor, state: State | None = None, reset: Tensor | None = None, dt: Tensor | None = None
    ) -> tuple[Tensor, State]:
        memory, tail = self.initial_state(x.shape[0], x.device) if state is None else state
        z, read, step = self.in_proj(x).split(self.sizes, -1)
        read, tail = short_convolution(read, tail, self.conv_weight, self.conv_bias, reset)
        x, b, c = F.silu(read).split(self.read_sizes, -1)
        x, b, c = x.unflatten(-1, (self.num_heads, -1)), b.unsqueeze(2), c.unsqueeze(2)
        step = F.softplus(step.to(memory.dtype) + self.dt_bias)
        step = step if dt is None else step * dt.to(step.dtype).unsqueeze(-1)
        y, memory = decay_scan(c, b, step.unsqueeze(-1) * x, -self.A_log.exp() * step, memory, reset)
        y = (y + self.D.unsqueeze(-1) * x).flatten(2).to(self.norm.weight.dtype)
        return self.out_proj(self.norm(y * F.silu(z))), (memory, tail)
