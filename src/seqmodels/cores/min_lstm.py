"""minLSTM (Feng, Tung, Ahmed, Bengio & Hajimirsadeghi 2024, arXiv 2410.01201): an LSTM whose gates see the input alone.

    f_t = σ(W_f x_t + b_f);   i_t = σ(W_i x_t + b_i);   h~_t = g(W_h x_t + b_h)
    h_t = f_t / (f_t + i_t) h_{t-1} + i_t / (f_t + i_t) h~_t

The two fractions add up to 1, so that the size of h does not depend on the time. As in `min_gru`, g is the paper's
positive one and the scan needs no logarithms.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from seqmodels.config.ranges import LARGEST, between
from seqmodels.cores.min_gru import MinRNN, g


class MinLSTM(MinRNN):
    """One layer, 3 (D + 1) H parameters."""

    def __init__(self, input_size: int, expand: float = 1, forget_bias: float = 0.0) -> None:
        """
        Args:
            input_size, expand: as in `MinRNN`.
            forget_bias: added to the initial bias of the forget gate, with which the paper trains faster. What is kept
                at first is a half a step; an open forget gate makes it two thirds, for the input gate is half open.
        """
        between(-LARGEST, LARGEST, forget_bias=forget_bias)
        super().__init__(input_size, expand, parts=3)
        with torch.no_grad():
            self.gates.bias[: self.output_size] += forget_bias

    def _terms(self, gates: Tensor) -> tuple[Tensor, Tensor]:
        f, i, candidate = gates.chunk(3, -1)
        # f / (f + i) = σ(log f - log i), which is a number also where both gates underflow
        keep = F.logsigmoid(f) - F.logsigmoid(i)
        return torch.sigmoid(keep), torch.sigmoid(-keep) * g(candidate)
