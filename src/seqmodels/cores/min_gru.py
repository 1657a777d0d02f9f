"""minGRU (Feng, Tung, Ahmed, Bengio & Hajimirsadeghi 2024, arXiv 2410.01201): a GRU whose gates see the input alone.

    z_t = σ(W_z x_t + b_z);   h~_t = g(W_h x_t + b_h);   h_t = (1 - z_t) h_{t-1} + z_t h~_t
    g(v) = v + 1/2 where v >= 0, else σ(v)

Linear in the state, so that all steps are computed at once. The paper does so in logarithms, for which g is positive,
since it divides by products of 1 - z that underflow; `linear_scan` never divides and gives the same numbers without.
"""

from abc import abstractmethod

import torch
from torch import Tensor, nn

from seqmodels.cores.base import Core, State
from seqmodels.cores.checks import expanded
from seqmodels.cores.scan import linear_scan


def g(v: Tensor) -> Tensor:
    """A positive candidate: v + 1/2 where v >= 0, else σ(v); appendix B.3."""
    return torch.relu(v) + torch.sigmoid(v.clamp(max=0))


class MinRNN(Core):
    """What minGRU and minLSTM share: h_t = a_t h_{t-1} + b_t, where a and b see the input alone.

    State: (h,) with h (B, H), zeros at the start.
    """

    takes_reset = True

    def __init__(self, input_size: int, expand: float, parts: int) -> None:
        """
        Args:
            input_size: D of the input.
            expand: the paper's α, H as a multiple of D.
            parts: gates and candidates, each of H numbers.

        Raises:
            ValueError: `expand` leaves no unit.
        """
        super().__init__()
        self.input_size = input_size
        self.output_size = expanded(input_size, expand)
        self.gates = nn.Linear(input_size, parts * self.output_size)

    @abstractmethod
    def _terms(self, gates: Tensor) -> tuple[Tensor, Tensor]:
        """a and b, each (B, T, H), of (B, T, parts H)."""

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return (self.gates.weight.new_zeros(batch_size, self.output_size, device=device, dtype=dtype),)

    def forward(self, x: Tensor, state: State | None = None, reset: Tensor | None = None) -> tuple[Tensor, State]:
        (h,) = self.initial_state(len(x), x.device) if state is None else state
        y = linear_scan(*self._terms(self.gates(x).to(h.dtype)), h, reset)
        return y, (y[:, -1].clone(),)


class MinGRU(MinRNN):
    """One layer, 2 (D + 1) H parameters. Arguments as in `MinRNN`."""

    def __init__(self, input_size: int, expand: float = 1) -> None:
        super().__init__(input_size, expand, parts=2)

    def _terms(self, gates: Tensor) -> tuple[Tensor, Tensor]:
        z, candidate = gates.chunk(2, -1)
        # σ(-z) and not 1 - σ(z), whose digits are lost where z is large
        return torch.sigmoid(-z), torch.sigmoid(z) * g(candidate)
