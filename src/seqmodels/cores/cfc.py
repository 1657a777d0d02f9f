"""CfC, a liquid network in closed form: Hasani et al. 2022, Nature Machine Intelligence 4, arXiv 2106.13898.

    z = 1.7159 tanh(0.666 (W x_t + R h + b))                                 the backbone, of one layer
    g = σ(a(z) Δt + c(z)),  h_t = (1 - g) tanh(f1(z)) + g tanh(f2(z))       a, c, f1, f2 linear

Δt is the time since the step before, at irregular steps as at regular ones, where it is 1. Everything reads h, which
leaves no other way than one step after the other: a loop in Python.
"""

import math

import torch
from torch import Tensor, nn

from seqmodels.config.ranges import WIDEST, size
from seqmodels.cores.base import Core, State
from seqmodels.cores.checks import expanded


class CfC(Core):
    """One layer, in float32 under autocast too. State: (h,) with h (B, H). Parameters: U (D + H + 1) + 4 H (U + 1)."""

    takes_reset = takes_dt = True
    initial_state_is_fixed = True

    def __init__(self, input_size: int, expand: float = 1, backbone_units: int = 128) -> None:
        """
        Args:
            input_size: D of the input.
            expand: H, units and D of the output, as a multiple of D.
            backbone_units: U, the width of z.

        Raises:
            ValueError: `expand` leaves no unit, or the backbone has none.
        """
        super().__init__()
        size(WIDEST, input_size=input_size, backbone_units=backbone_units)
        self.input_size, self.output_size = input_size, expanded(input_size, expand)
        self.input = nn.Linear(input_size, backbone_units)
        self.R = nn.Parameter(torch.empty(self.output_size, backbone_units))
        self.heads = nn.Linear(backbone_units, 4 * self.output_size)  # f1, f2, a, c
        limit = math.sqrt(6 / (input_size + self.output_size + backbone_units))  # Glorot's, as in the authors' code
        nn.init.uniform_(self.input.weight, -limit, limit)
        nn.init.uniform_(self.R, -limit, limit)

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return (self.R.new_zeros(batch_size, self.output_size, device=device, dtype=dtype),)

    def forward(
        self, x: Tensor, state: State | None = None, reset: Tensor | None = None, dt: Tensor | None = None
    ) -> tuple[Tensor, State]:
        (h,) = self.initial_state(len(x), x.device) if state is None else state
        with torch.autocast(x.device.type, enabled=False):
            return self._read(x.to(self.R.dtype), h.to(self.R.dtype), reset, dt)

    def _read(self, x: Tensor, h: Tensor, reset: Tensor | None, dt: Tensor | None) -> tuple[Tensor, State]:
        outputs = []
        for t, drive in enumerate(self.input(x).unbind(1)):
            if reset is not None:
                h = h.masked_fill(reset[:, t, None], 0)
            z = 1.7159 * torch.tanh(0.666 * torch.addmm(drive, h, self.R))
            f1, f2, a, c = self.heads(z).chunk(4, -1)
            gate = torch.sigmoid(a + c if dt is None else torch.addcmul(c, a, dt[:, t, None].to(a.dtype)))
            h = torch.lerp(torch.tanh(f1), torch.tanh(f2), gate)
            outputs.append(h)
        return torch.stack(outputs, 1), (h,)
