"""Mamba-3, with one input and one output a head: Lahoti et al. 2026, arXiv 2603.15569, as the authors wrote it first.

    z, x, B, C, Δ, A, λ, w = W_in input;  Δ = softplus(Δ + b);  A = -softplus(A);  λ = σ(λ);  θ_t = Δ_t π tanh(w)
    k, q = RMSNorm(B) + b_k, RMSNorm(C) + b_q       B, C and w are shared by all heads, the rest is of each
    S_t = R_t a_t (S_{t-1} + (1 - λ_t) Δ_t k_{t-1} x_{t-1}') + λ_t Δ_t k_t x_t',   a_t = exp(Δ_t A_t)
    y_t = S_t' q_t + D x_t,   output = W_out (y silu(z))

Mamba-2 with two things more. R_t turns pairs of a state's rows by -θ_t, as a complex decay would, so that a head can
count modulo more than decays could. And the input is held by a trapezoid from the step before to this one, with λ
learned: λ = 1 is Mamba-2's rule, and in place of its convolution two steps meet here.

Turned all into one frame, with keys and queries turned by the sum of the angles instead, the state only decays. And the
two terms that read k_t x_t', at t and at t + 1, are one, but for what y_t reads itself:

    P_t = a_t (P_{t-1} + (λ_{t-1} Δ_{t-1} + (1 - λ_t) Δ_t) k_{t-1} x_{t-1}'),   y_t = P_t' q_t + λ_t Δ_t (k_t' q_t) x_t

The authors carry the sum of the angles; here the state is turned back at the end of a window, so that no angle grows.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqmodels.config.ranges import WIDEST, between, size
from seqmodels.cores.base import Core, State
from seqmodels.cores.checks import check_heads
from seqmodels.cores.matrix_scan import decay_scan
from seqmodels.cores.rms_norm import RMSNorm
from seqmodels.cores.step_sizes import bias_of_dt

SLOWEST = 1e-4
"""The least -A."""


class Mamba3(Core):
    """The block. It has a gate and a way back to D, so that a `Stack` needs no mixer.

    State: (S, k, x) with S (B, H, N, P), and k (B, H, N) and x (B, H, P) of the last step; E = H P. With R angles, its
    parameters are D (3 E + 2 N + 3 H + R) + 2 N (H + 1) + 2 H.
    """

    timescale_parameters = ("D", "dt_bias")  # D is none, but the authors spare it the weight decay too
    takes_reset = takes_dt = True

    def __init__(
        self,
        input_size: int,
        state_size: int = 32,
        expand: int = 2,
        num_heads: int = 4,
        rotary_fraction: float = 0.5,
        dt_min: float = 0.001,
        dt_max: float = 0.1,
    ) -> None:
        """
        Args:
            input_size: D of the input and of the output.
            state_size: N, numbers for each of the E channels.
            expand: E / D.
            num_heads: H, of P = E / H channels, which forget alike.
            rotary_fraction: of the N rows that are turned, in R pairs.
            dt_min, dt_max: where W_in adds nothing, each head's Δ is drawn log-uniformly from between them. A head then
                forgets in about 1.4 / Δ steps.

        Raises:
            ValueError: a size is not positive, the heads do not divide E, the fraction is none, or the range of Δ is
                empty.
        """
        super().__init__()
        size(WIDEST, input_size=input_size, state_size=state_size, expand=expand, num_heads=num_heads)
        between(0, 1, rotary_fraction=rotary_fraction)
        width = expand * input_size
        check_heads(num_heads, width)
        self.input_size = self.output_size = input_size
        angles = int(state_size * rotary_fraction) // 2
        self.sizes = width, width, state_size, state_size, num_heads, num_heads, num_heads, angles
        self.in_proj = nn.Linear(input_size, sum(self.sizes), bias=False)
        self.dt_bias = nn.Parameter(bias_of_dt(num_heads, dt_min, dt_max))
        self.k_norm, self.q_norm = RMSNorm(state_size, eps=1e-5), RMSNorm(state_size, eps=1e-5)
        self.k_bias = nn.Parameter(torch.ones(num_heads, state_size))
        self.q_bias = nn.Parameter(torch.ones(num_heads, state_size))
        self.D = nn.Parameter(torch.ones(num_heads))
        self.out_proj = nn.Linear(width, input_size, bias=False)

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        """Zeros, and keys of ones, without which no gradient would reach an x that is learned."""
        (heads, state_size), width = self.k_bias.shape, self.sizes[0] // len(self.D)
        zeros = torch.zeros(
            batch_size, heads, state_size + 1, width, device=device or self.D.device, dtype=dtype or self.D.dtype
        )
        return zeros[:, :, 1:].clone(), torch.ones_like(zeros[:, :, 1:, 0]), zeros[:, :, 0].clone()

    def forward(
        self, x: Tensor, state: State | None = None, reset: Tensor | None = None, dt: Tensor | None = None
    ) -> tuple[Tensor, State]:
        memory, last_k, last_x = self.initial_state(x.shape[0], x.device) if state is None else state
        z, x, b, c, step, A, trapezoid, turn = self.in_proj(x).split(self.sizes, -1)
        x = x.unflatten(-1, (len(self.D), -1)).to(memory.dtype)
        k, q = (
            (norm(row.to(norm.weight.dtype)).unsqueeze(2) + bias).to(memory.dtype)
            for row, norm, bias in ((b, self.k_norm, self.k_bias), (c, self.q_norm, self.q_bias))
        )
        step, A, trapezoid, turn = (part.to(memory.dtype) for part in (step, A, trapezoid, turn))
        step = F.softplus(step + self.dt_bias)
        step = step if dt is None else step * dt.to(step.dtype).unsqueeze(-1)
        log_decay = -step * F.softplus(A).clamp(min=SLOWEST)
        late = torch.sigmoid(trapezoid) * step  # λ Δ

        angles = _sums(step.unsqueeze(-1) * math.pi * turn.tanh().unsqueeze(2))
        turned_k, turned_q = _turned(k, angles), _turned(q, angles)
        before_k = torch.cat([last_k.unsqueeze(1), turned_k[:, :-1]], 1)
        before_x = torch.cat([last_x.unsqueeze(1), x[:, :-1]], 1)
        weight = log_decay.exp() * (F.pad(late[:, :-1], (0, 0, 1, 0)) + step - late)
        if reset is not None:
            weight = weight.masked_fill(reset.unsqueeze(-1), 0.0)
        y, memory = decay_scan(turned_q, weight.unsqueeze(-1) * before_k, before_x, log_decay, memory, reset)
        y = y + (late * (k * q).sum(-1) + self.D).unsqueeze(-1) * x
        memory = _turned(memory.mT, -angles[:, -1].unsqueeze(2)).mT
        memory = memory + (late[:, -1, :, None] * k[:, -1]).unsqueeze(-1) * x[:, -1].unsqueeze(-2)
        y = self.out_proj(y.flatten(2).to(self.D.dtype) * F.silu(z))
        return y, (memory, k[:, -1].clone(), x[:, -1].clone())


def _sums(angles: Tensor) -> Tensor:
    """Over the steps (B, T, H, R), without whole turns: float32 would lose the digits of a sum of many."""
    if angles.shape[1] == 1:
        return angles
    exact = angles if angles.device.type == "mps" else angles.double()  # which has no float64
    return exact.cumsum(1).remainder(2 * math.pi).to(angles.dtype)


def _turned(vectors: Tensor, angles: Tensor) -> Tensor:
    """(..., N), of which the first pairs are turned by (..., R)."""
    pairs, rest = vectors.split([2 * angles.shape[-1], vectors.shape[-1] - 2 * angles.shape[-1]], -1)
    (left, right), cos, sin = pairs.unflatten(-1, (-1, 2)).unbind(-1), angles.cos(), angles.sin()
    return torch.cat([torch.stack([left * cos - right * sin, left * sin + right * cos], -1).flatten(-2), rest], -1)
