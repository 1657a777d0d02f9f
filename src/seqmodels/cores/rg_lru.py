"""RG-LRU, the real-gated linear recurrent unit, in the recurrent block of Griffin and RecurrentGemma: De et al. 2024,
arXiv 2402.19427 (section 2.4; figure 2).

    z, u = W_in input;  u = conv(u)                             causal depthwise convolution over `conv_size` steps
    r_t, i_t = σ(W_a u_t + b_a), σ(W_x u_t + b_x)               block-diagonal W: a head's gates see its own units
    a_t = σ(Λ)^(8 r_t),  h_t = a_t h_{t-1} + sqrt(1 - a_t²) (i_t u_t)
    output = W_out (gelu(z) h)

The gates see the input alone, so that all steps are computed at once. a is a logarithm until it is used: 1 - a² keeps
its digits where a is near 1. The authors' code lets the first step of a sequence in whole, as if sqrt(1 - a²) were 1;
the paper does not, and neither does this.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqmodels.config.ranges import WIDEST, size
from seqmodels.cores.base import Core, State
from seqmodels.cores.checks import check_fractions, check_heads, expanded
from seqmodels.cores.scan import linear_scan
from seqmodels.cores.short_convolution import short_convolution

SHARPNESS = 8
"""c, by which an open gate shortens the memory."""


class RGLRU(Core):
    """Griffin's recurrent block. It has a gate and a way back to D; an MLP follows it in the paper.

    State: (h, tail) with h (B, H) and tail (B, conv_size - 1, H), the convolution's last inputs. Under autocast the
    recurrence stays in float32.
    Parameters: H (3 D + 2 H / num_heads + conv_size + 4), of which Λ, H, sets the time scales.
    """

    takes_reset = True
    initial_state_is_fixed = True
    timescale_parameters = ("Lambda",)

    def __init__(
        self,
        input_size: int,
        expand: float = 1,
        num_heads: int = 4,
        conv_size: int = 4,
        min_decay: float = 0.9,
        max_decay: float = 0.999,
    ) -> None:
        """
        Args:
            input_size: D of the input and of the output.
            expand: H, units, as a multiple of D.
            num_heads: heads of H / num_heads units each.
            conv_size: steps that the convolution sees, the present one included.
            min_decay, max_decay: σ(Λ)^8, the a of an open gate, begins uniform between them; half open it is its root.

        Raises:
            ValueError: a size is not positive, the heads do not divide H, or the decays are no range inside (0, 1).
        """
        super().__init__()
        size(WIDEST, input_size=input_size, num_heads=num_heads, conv_size=conv_size)
        check_fractions(min_decay=min_decay, max_decay=max_decay)
        self.input_size = self.output_size = input_size
        width = expanded(input_size, expand)
        check_heads(num_heads, width)
        self.in_proj = nn.Linear(input_size, 2 * width, bias=False)
        limit = conv_size**-0.5  # as nn.Conv1d draws them
        self.conv_weight = nn.Parameter(torch.empty(conv_size, width).uniform_(-limit, limit))
        self.conv_bias = nn.Parameter(torch.zeros(width))
        units = width // num_heads
        self.gates = nn.Parameter(torch.randn(num_heads, units, 2 * units) / units**0.5)
        self.gates_bias = nn.Parameter(torch.zeros(2, width))
        decay = torch.empty(width).uniform_(min_decay, max_decay)
        self.Lambda = nn.Parameter(-(decay.log() / -SHARPNESS).expm1().log())  # σ(Λ) = 1 / (1 + exp(-Λ))
        self.out_proj = nn.Linear(width, input_size, bias=False)

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        conv_size, width = self.conv_weight.shape
        zeros = self.conv_bias.new_zeros(batch_size, conv_size, width, device=device, dtype=dtype)
        return zeros[:, 0].clone(), zeros[:, 1:].clone()

    def forward(self, x: Tensor, state: State | None = None, reset: Tensor | None = None) -> tuple[Tensor, State]:
        h, tail = self.initial_state(len(x), x.device) if state is None else state
        z, u = self.in_proj(x).chunk(2, -1)
        u, tail = short_convolution(u, tail, self.conv_weight, self.conv_bias, reset)
        by_head = torch.einsum("...hn,hnm->...hm", u.unflatten(-1, (len(self.gates), -1)), self.gates)
        pairs = zip(by_head.chunk(2, -1), self.gates_bias, strict=True)
        r, i = (torch.sigmoid(part.flatten(-2).to(h.dtype) + bias) for part, bias in pairs)
        log_a = -SHARPNESS * F.softplus(-self.Lambda) * r
        h = linear_scan(log_a.exp(), _fill(log_a) * i * u, h, reset)
        return self.out_proj(F.gelu(z) * h), (h[:, -1].clone(), tail)


def _fill(log_a: Tensor) -> Tensor:
    """sqrt(1 - a²); at a = 1 its slope has no end, and none is taken."""
    return (-(2 * log_a).expm1()).clamp(min=torch.finfo(log_a.dtype).tiny).sqrt()
