"""Gated DeltaNet: Yang, Kautz & Hatamizadeh 2024, arXiv 2412.06464 (equation 10; figure 1).

    q, k, v = silu(conv(W x));  q and k of length 1 in each head
    a_t = exp(-A softplus(w_a x_t + c)),  b_t = σ(w_b x_t)
    S_t = a_t (1 - b_t k_t k_t') S_{t-1} + b_t k_t v_t',  y_t = S_t' q_t / sqrt(K)        S is K x V in each head
    output = W_o (RMSNorm(y) silu(W_z x))

A memory of keys and values: b replaces what stands under a key, a forgets everything a little. With b = 2 σ(...) the
matrix before S_{t-1} has eigenvalues from -1 to 1, and a layer can count modulo 2 (Grazzi et al. 2024, arXiv
2411.12537).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqmodels.config.ranges import WIDEST, size
from seqmodels.cores.base import Core, State
from seqmodels.cores.matrix_scan import delta_scan
from seqmodels.cores.rms_norm import RMSNorm
from seqmodels.cores.short_convolution import short_convolution
from seqmodels.cores.step_sizes import bias_of_dt


class DeltaRule(Core):
    """What Gated DeltaNet and DeltaProduct share: n changes of the state a step, and one decay.

    The block has a gate and a way back to D, so that a `Stack` needs no mixer.

    State: (S, tail) with S (B, H, K, V) and tail (B, conv_size - 1, E), the convolution's last inputs, where
    E = H K + n H (K + V). Parameters: D (E + 2 H V + (n + 1) H) + conv_size E + 2 H + V.
    """

    timescale_parameters = ("A_log", "dt_bias")
    takes_reset = True

    def __init__(
        self,
        input_size: int,
        num_heads: int,
        key_size: int,
        value_size: int,
        conv_size: int,
        changes: int,
        reflects: bool,
        dt_min: float,
        dt_max: float,
    ) -> None:
        """
        Args:
            input_size: D of the input and of the output.
            num_heads: H, memories side by side.
            key_size, value_size: K and V, of each head.
            conv_size: steps that the convolution sees, the present one included.
            changes: n, of the state in one step.
            reflects: b goes up to 2 instead of 1.
            dt_min, dt_max: where w_a adds nothing, softplus(c) of each head is drawn log-uniformly from between them; A
                from 0 to 16. A head then forgets in about 1 / (A softplus(c)) steps.

        Raises:
            ValueError: a size is not positive, or the range of softplus(c) is empty.
        """
        super().__init__()
        size(WIDEST, input_size=input_size, num_heads=num_heads, key_size=key_size, value_size=value_size)
        size(WIDEST, conv_size=conv_size)
        self.input_size = self.output_size = input_size
        self.num_heads, self.key_size, self.value_size = num_heads, key_size, value_size
        self.changes, self.reflects = changes, reflects
        keys, values = num_heads * key_size, num_heads * value_size
        self.read_sizes = keys, changes * keys, changes * values  # of q, k, v
        width, limit = sum(self.read_sizes), conv_size**-0.5
        self.sizes = width, values, changes * num_heads, num_heads  # of q, k, v together, z, b, a
        self.in_proj = nn.Linear(input_size, sum(self.sizes), bias=False)
        self.conv_weight = nn.Parameter(torch.empty(conv_size, width).uniform_(-limit, limit))
        self.A_log = nn.Parameter(torch.empty(num_heads).uniform_(1e-3, 16).log())
        self.dt_bias = nn.Parameter(bias_of_dt(num_heads, dt_min, dt_max))
        self.norm = RMSNorm(value_size, eps=1e-5)
        self.out_proj = nn.Linear(values, input_size, bias=False)

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        taps, width = self.conv_weight.shape
        shapes = (self.num_heads, self.key_size, self.value_size), (taps - 1, width)
        device, dtype = device or self.conv_weight.device, dtype or self.conv_weight.dtype
        return tuple(torch.zeros(batch_size, *shape, device=device, dtype=dtype) for shape in shapes)

    def forward(self, x: Tensor, state: State | None = None, reset: Tensor | None = None) -> tuple[Tensor, State]:
        memory, tail = self.initial_state(x.shape[0], x.device) if state is None else state
        qkv, z, b, a = self.in_proj(x).split(self.sizes, -1)
        bias = self.conv_weight.new_zeros(self.conv_weight.shape[1])
        qkv, tail = short_convolution(qkv, tail, self.conv_weight, bias, reset)
        q, k, v = F.silu(qkv).split(self.read_sizes, -1)
        q, k, v = self._heads(q, self.key_size), self._heads(k, self.key_size), self._heads(v, self.value_size)
        b = torch.sigmoid(self._heads(b.to(memory.dtype), 1).squeeze(-1)) * (2 if self.reflects else 1)
        log_decay = -self.A_log.exp() * F.softplus(a.to(memory.dtype) + self.dt_bias)
        q = of_length_1(q) / math.sqrt(self.key_size)
        y, memory = delta_scan(q, of_length_1(k), v, b, log_decay, memory, reset)
        y = self.norm(y.to(self.norm.weight.dtype)).flatten(2) * F.silu(z)
        return self.out_proj(y), (memory, tail)

    def _heads(self, tensor: Tensor, width: int) -> Tensor:
        """(B, T, n H width) as (B, n T, H, width)."""
        return tensor.unflatten(-1, (-1, self.num_heads, width)).flatten(1, 2)


class GatedDeltaNet(DeltaRule):
    """One change a step. Arguments as in `DeltaRule`."""

    def __init__(
        self,
        input_size: int,
        num_heads: int = 4,
        key_size: int = 16,
        value_size: int = 32,
        conv_size: int = 4,
        negative_eigenvalues: bool = False,
        dt_min: float = 0.001,
        dt_max: float = 0.1,
    ) -> None:
        super().__init__(
            input_size, num_heads, key_size, value_size, conv_size, 1, negative_eigenvalues, dt_min, dt_max
        )


def of_length_1(vectors: Tensor) -> Tensor:
    """As the authors' code has it: what is shorter than 0.001 stays short."""
    return vectors * torch.rsqrt(vectors.square().sum(-1, keepdim=True) + 1e-6)
