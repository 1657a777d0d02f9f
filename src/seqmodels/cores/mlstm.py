"""mLSTM, an LSTM with a matrix memory and exponential gates: Beck et al. 2024, arXiv 2405.04517 (section 2.3).

    x, z = W_in input;  x' = silu(conv(x));  q, k = W_q x', W_k x' / sqrt(K);  v = W_v x
    i_t, log f_t = w_i [q, k, v] + c_i, log σ(w_f [q, k, v] + c_f)
    C_t = f_t C_{t-1} + exp(i_t) k_t v_t',  n_t = f_t n_{t-1} + exp(i_t) k_t                       in each head
    h_t = C_t' q_t / max(|n_t' q_t|, 1)
    output = W_out ((LayerNorm(h) + skip x') silu(z))

W_q, W_k and W_v are block-diagonal. The paper's C is the transposed of this one.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqmodels.config.ranges import WIDEST, size
from seqmodels.cores.base import Core, State
from seqmodels.cores.checks import check_heads, expanded
from seqmodels.cores.exponential_scan import exponential_scan
from seqmodels.cores.short_convolution import short_convolution


class MLSTM(Core):
    """The paper's block. It has a gate and a way back to D, so that a `Stack` needs no mixer.

    State: (S, m, tail) with S (B, H, K, K + 1), C and as its last column n, both divided by exp(m), m (B, H), and tail
    (B, conv_size - 1, E), the convolution's last inputs; E = H K. Parameters: E (3 D + conv_size + 3 block_size + 3) +
    2 H (3 E + 1).
    """

    takes_reset = True

    def __init__(
        self, input_size: int, expand: float = 2, num_heads: int = 4, conv_size: int = 4, block_size: int = 4
    ) -> None:
        """
        Args:
            input_size: D of the input and of the output.
            expand: E, the width inside the block, as a multiple of D.
            num_heads: H, memories of K x K numbers, K = E / H.
            conv_size: steps that the convolution sees, the present one included.
            block_size: numbers that are mixed into a number of q, k and v.

        Raises:
            ValueError: a size is not positive, or heads or blocks do not divide E.
        """
        super().__init__()
        size(WIDEST, input_size=input_size, num_heads=num_heads, conv_size=conv_size, block_size=block_size)
        width = expanded(input_size, expand)
        check_heads(num_heads, width)
        if width % block_size:
            raise ValueError(f"block_size={block_size} does not divide a width of {width}; give a divisor of it")
        self.input_size = self.output_size = input_size
        self.num_heads = num_heads
        self.in_proj = nn.Linear(input_size, 2 * width, bias=False)
        limit = conv_size**-0.5
        self.conv_weight = nn.Parameter(torch.empty(conv_size, width).uniform_(-limit, limit))
        self.conv_bias = nn.Parameter(torch.empty(width).uniform_(-limit, limit))
        self.qk_weight = nn.Parameter(torch.empty(2, width // block_size, block_size, block_size))
        self.v_weight = nn.Parameter(torch.empty(width // block_size, block_size, block_size))
        self.gates = nn.Linear(3 * width, 2 * num_heads)
        self.norm_weight = nn.Parameter(torch.ones(width))
        self.skip = nn.Parameter(torch.ones(width))
        self.out_proj = nn.Linear(width, input_size, bias=False)
        for weight in (self.in_proj.weight, self.qk_weight, self.v_weight):
            nn.init.normal_(weight, std=math.sqrt(0.4 / input_size))  # Nguyen & Salazar 2019, as the authors do
        with torch.no_grad():
            self.gates.weight.zero_()
            self.gates.bias[:num_heads].normal_(std=0.1)
            self.gates.bias[num_heads:] = torch.linspace(3, 6, num_heads)

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        (taps, width), heads = self.conv_weight.shape, self.num_heads
        shapes = (heads, width // heads, width // heads + 1), (heads,), (taps - 1, width)
        device, dtype = device or self.skip.device, dtype or self.skip.dtype
        return tuple(torch.zeros(batch_size, *shape, device=device, dtype=dtype) for shape in shapes)

    def forward(self, x: Tensor, state: State | None = None, reset: Tensor | None = None) -> tuple[Tensor, State]:
        memory, m, tail = self.initial_state(x.shape[0], x.device) if state is None else state
        x, z = self.in_proj(x).chunk(2, -1)
        near, tail = short_convolution(x, tail, self.conv_weight, self.conv_bias, reset)
        near = F.silu(near)
        q, k = (_in_blocks(near, weight) for weight in self.qk_weight)
        v = _in_blocks(x.to(near.dtype), self.v_weight)
        i, f = self.gates(torch.cat([q, k, v], -1)).to(m.dtype).chunk(2, -1)
        q, k, v = (tensor.unflatten(-1, (self.num_heads, -1)) for tensor in (q, k / math.sqrt(memory.shape[2]), v))
        h, memory, m = exponential_scan(q, k, v, i, f, memory, m, reset)
        h = F.layer_norm(h, h.shape[-1:]).flatten(2).to(self.skip.dtype) * self.norm_weight
        return self.out_proj((h + self.skip * near) * F.silu(z)), (memory, m, tail)


def _in_blocks(x: Tensor, weight: Tensor) -> Tensor:
    """(B, T, E) by a block-diagonal matrix, (E / n, n, n) of output and input."""
    return torch.einsum("btgi,goi->btgo", x.unflatten(-1, (-1, weight.shape[-1])), weight).flatten(2)
