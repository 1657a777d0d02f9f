"""The linear recurrent unit: Orvieto et al. 2023, "Resurrecting Recurrent Neural Networks for Long Sequences",
arXiv 2303.06349.

    h_t = λ ∘ h_{t-1} + exp(γ) ∘ (B x_t)        λ = exp(-exp(ν) + i exp(θ)), so |λ| < 1 whatever ν is (section 3.3)
    y_t = Re(C h_t) + D ∘ x_t

λ^Δt instead of λ where a step comes Δt after the one before: as if nothing had come in between.

λ starts uniform on a ring of the complex plane (lemma 3.2) and exp(γ) = sqrt(1 - |λ|²), so that h has the size of its
inputs however long they are remembered (section 3.4).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqmodels.config.ranges import WIDEST, size
from seqmodels.cores.base import Core, State
from seqmodels.cores.scan import check_dtype, linear_scan


class LRU(Core):
    """A diagonal complex recurrence. State: (h,) with h (B, N, 2), real and imaginary parts. Its output is H wide."""

    takes_reset = takes_dt = True
    timescale_parameters = ("nu", "theta", "gamma")

    def __init__(
        self,
        input_size: int,
        state_size: int = 64,
        min_radius: float = 0.9,
        max_radius: float = 0.999,
        max_phase: float = 2 * math.pi,
    ) -> None:
        """
        Args:
            input_size: H, D of the input and of the output.
            state_size: N, complex numbers.
            min_radius, max_radius: of the ring where λ starts; a radius r remembers about 1 / (1 - r) steps.
            max_phase: radians; λ starts at angles between 0 and this. Small ones suit long memories (section 3.4).

        Raises:
            ValueError: a size is not positive, or the ring is none.
        """
        super().__init__()
        size(WIDEST, state_size=state_size)
        if not 0 <= min_radius < max_radius < 1:
            raise ValueError(
                f"min_radius={min_radius} and max_radius={max_radius} bound no ring inside the unit circle; "
                f"give 0 <= min_radius < max_radius < 1"
            )
        if not 0 < max_phase <= 2 * math.pi:
            raise ValueError(f"max_phase={max_phase} is not an angle; give radians in (0, 2π]")
        self.input_size = self.output_size = input_size
        squares = torch.rand(state_size) * (max_radius**2 - min_radius**2) + min_radius**2
        self.nu = nn.Parameter((-0.5 * squares.log()).log())
        self.theta = nn.Parameter((max_phase * (1 - torch.rand(state_size))).log())  # never the logarithm of 0
        self.gamma = nn.Parameter(0.5 * (1 - squares).log())
        self.B = nn.Parameter(torch.randn(state_size, 2, input_size) / math.sqrt(2 * input_size))
        self.C = nn.Parameter(torch.randn(input_size, state_size, 2) / math.sqrt(state_size))
        self.D = nn.Parameter(torch.randn(input_size))

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        device, dtype = device or self.nu.device, dtype or self.nu.dtype
        return (torch.zeros(batch_size, len(self.nu), 2, device=device, dtype=dtype),)

    def forward(
        self, x: Tensor, state: State | None = None, reset: Tensor | None = None, dt: Tensor | None = None
    ) -> tuple[Tensor, State]:
        check_dtype(self.nu)
        (h,) = self.initial_state(len(x)) if state is None else state
        inputs = F.linear(x, (self.gamma.exp()[:, None, None] * self.B).flatten(0, 1)).to(h.dtype)
        states = self._states(inputs.unflatten(-1, (-1, 2)), h, reset, dt)
        readout = torch.stack([self.C[..., 0], -self.C[..., 1]], -1).flatten(1)
        return F.linear(states.flatten(2), readout) + self.D * x, (states[:, -1].clone(),)

    def _states(self, inputs: Tensor, h: Tensor, reset: Tensor | None, dt: Tensor | None) -> Tensor:
        """All states (B, T, N, 2). A single step is written out in real numbers, since ONNX knows no others."""
        growth, angle = -self.nu.exp(), self.theta.exp()
        if dt is not None:
            growth, angle = (part * dt.to(h.dtype).unsqueeze(-1) for part in (growth, angle))  # (B, T, N)
        radius = growth.exp()
        real, imaginary = radius * angle.cos(), radius * angle.sin()
        if inputs.shape[1] > 1:
            decay = torch.complex(real, imaginary).expand(*([1, 1, -1] if dt is None else [-1] * 3))
            states = linear_scan(decay, torch.view_as_complex(inputs), torch.view_as_complex(h.contiguous()), reset)
            return torch.view_as_real(states)
        h = h.unsqueeze(1)
        turned = real * h[..., 0] - imaginary * h[..., 1], imaginary * h[..., 0] + real * h[..., 1]
        return torch.stack(turned, -1) + inputs
