"""minLSTM (Feng, Tung, Ahmed, Bengio & Hajimirsadeghi 2024, arXiv 2410.01201): an LSTM whose gates see the input alone.

    f_t = σ(W_f x_t + b_f);   i_t = σ(W_i x_t + b_i);   h~_t = g(W_h x_t + b_h)
    h_t = f_t / (f_t + i_t) h_{t-1} + i_t / (f_t + i_t) h~_t

The two fractions add up to 1, so that the size of h does not depend on the time. As in `min_gru`, g is the paper's
positive one and the scan needs no logarithms.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqmodels.cores.base import Core, State
from seqmodels.cores.min_gru import g
from seqmodels.cores.scan import linear_scan


class MinLSTM(Core):
    """One layer, 3 (D + 1) H parameters. State: (h,) with h (B, H), zeros at the start."""

    def __init__(self, input_size: int, expand: float = 1, forget_bias: float = 0.0) -> None:
        """
        Args:
            input_size: D of the input.
            expand: the paper's α, H as a multiple of D.
            forget_bias: added to the initial bias of the forget gate, with which the paper trains faster. What is kept
                at first is a half a step; an open forget gate makes it two thirds, for the input gate is half open.

        Raises:
            ValueError: `expand` leaves no unit.
        """
        super().__init__()
        self.input_size = input_size
        self.output_size = int(expand * input_size)
        if self.output_size < 1:
            raise ValueError(f"expand={expand} leaves no unit of {input_size}; give a larger number")
        self.gates = nn.Linear(input_size, 3 * self.output_size)
        with torch.no_grad():
            self.gates.bias[: self.output_size] += forget_bias

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return (self.gates.weight.new_zeros(batch_size, self.output_size, device=device, dtype=dtype),)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        (h,) = self.initial_state(len(x), x.device) if state is None else state
        f, i, candidate = self.gates(x).to(h.dtype).chunk(3, -1)
        # f / (f + i) = σ(log f - log i), which is a number also where both gates underflow
        keep = F.logsigmoid(f) - F.logsigmoid(i)
        y = linear_scan(torch.sigmoid(keep), torch.sigmoid(-keep) * g(candidate), h)
        return y, (y[:, -1],)
