"""LinOSS, forced oscillators read as a sequence model: Rusch & Rus 2025, arXiv 2410.03943; with a damping that is
learned, D-LinOSS: Boyer, Rusch & Rus 2025, arXiv 2505.12171.

    x'' = -A x - G x' + B u,  y = C x + D u                     N oscillators of frequency sqrt(A); z is x'
    IM      z_t = z + Δ (-A x_t + B u_t),        x_t = x + Δ z_t        the implicit Euler rule, G = 0
    damped  z_t = z + Δ (-A x - G z_t + B u_t),  x_t = x + Δ z_t        implicit in the damping alone

A step turns an oscillation by θ and leaves r of it: in IM r = 1 / sqrt(1 + Δ² A), so that what is fast is forgotten
fast; damped it is 1 / sqrt(1 + Δ G), apart from the frequency. It is an oscillation where
(1 - r)² <= r² Δ² A <= (1 + r)², to which A is brought, as in the paper, but for angles below 0.01 at both ends.

The papers scan 2 x 2 matrices. Seen in its own coordinates an oscillation is one complex number,

    h_t = λ (h_{t-1} + Δ B u_t),  λ = r exp(i θ),  x ~ Im h             IM: h = z + i sqrt(A) x

the same numbers for less, whose rounding errors do not grow: in (z, x) those of slow oscillations do. C reads Im h,
which is x in a unit of its own, since the x of slow oscillators would drown the others. And λ says what a step is that
comes dt after the one before: λ^dt, its input being held for as long, so that a long step is short ones.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqmodels.config.ranges import WIDEST, size
from seqmodels.cores.base import Core, State
from seqmodels.cores.checks import check_fractions
from seqmodels.cores.modes import read_modes, zero_order_hold
from seqmodels.cores.scan import check_dtype

LEAST = math.sin(0.01 / 2) ** 2
"""Of sin²(θ / 2) and of cos²(θ / 2) where damped."""


class LinOSS(Core):
    """One layer, without the activation and gate behind it, which a `Stack` adds.

    State: (h,) with h (B, N, 2), real and imaginary parts. Parameters: 2 N H + 2 N + H, and N of damping.

    A and G are exp of a parameter, so that there is none without a frequency, whose state would drift for ever (the
    papers cut at 0); Δ is σ of one, as in the authors' code. B begins so small that h has the size of its inputs,
    however long they are remembered, as in LRU.
    """

    takes_reset = takes_dt = True
    initial_state_is_fixed = True
    timescale_parameters: tuple[str, ...] = ("log_A", "step_logit")

    def __init__(
        self,
        input_size: int,
        state_size: int = 64,
        damped: bool = False,
        min_step: float = 0.5,
        max_step: float = 0.75,
        min_decay: float = 0.9,
        max_decay: float = 0.999,
    ) -> None:
        """
        Args:
            input_size: H, D of the input and of the output.
            state_size: N, oscillators.
            damped: learn G as well.
            min_step, max_step: Δ of each oscillator begins uniform between them.
            min_decay, max_decay: where damped, r begins uniform between them and θ in [0, π]; else A begins uniform in
                (0, 1].

        Raises:
            ValueError: a size is not positive, or the steps or decays are no range inside (0, 1).
        """
        super().__init__()
        size(WIDEST, input_size=input_size, state_size=state_size)
        check_fractions(min_step=min_step, max_step=max_step)
        check_fractions(min_decay=min_decay, max_decay=max_decay)
        self.input_size = self.output_size = input_size
        step = torch.empty(state_size).uniform_(min_step, max_step)
        self.step_logit = nn.Parameter(step.logit())
        self.log_G: nn.Parameter | None = None
        if damped:
            r, angle = torch.empty(state_size).uniform_(min_decay, max_decay), math.pi * torch.rand(state_size)
            self.log_G = nn.Parameter(((r**-2 - 1) / step).log())
            self.log_A = nn.Parameter(((1 + r**-2 - 2 * angle.cos() / r) / step.square()).log())
            self.timescale_parameters = (*self.timescale_parameters, "log_G")
        else:
            self.log_A = nn.Parameter((1 - torch.rand(state_size)).log())  # never the logarithm of 0
        with torch.no_grad():
            small = (-(2 * self.modes()[0]).expm1()).sqrt() / step  # sqrt(1 - r²) / Δ
        self.B = nn.Parameter(small.unsqueeze(1) * torch.randn(state_size, input_size) / math.sqrt(input_size))
        self.C = nn.Parameter(torch.randn(input_size, state_size) / math.sqrt(state_size))
        self.D = nn.Parameter(torch.randn(input_size))

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return (self.log_A.new_zeros(batch_size, len(self.log_A), 2, device=device, dtype=dtype),)

    def forward(
        self, x: Tensor, state: State | None = None, reset: Tensor | None = None, dt: Tensor | None = None
    ) -> tuple[Tensor, State]:
        check_dtype(self.log_A)
        (h,) = self.initial_state(len(x), x.device) if state is None else state
        log_r, angle, real, imag = self.modes()
        if dt is not None:
            log_r, angle = (part * dt.to(part.dtype).unsqueeze(-1) for part in (log_r, angle))
        gain_real, gain_imag, hold = zero_order_hold(log_r, angle, real, imag)
        if dt is None:
            weights = (hold.unsqueeze(-1) * self.B.unsqueeze(1)).flatten(0, 1)
            inputs = F.linear(x, weights).to(h.dtype).unflatten(-1, (-1, 2))
        else:
            inputs = hold * F.linear(x, self.B).to(h.dtype).unsqueeze(-1)
        states = read_modes((gain_real, gain_imag), inputs, h, reset)
        return F.linear(states[..., 1], self.C) + self.D * x, (states[:, -1].clone(),)

    def modes(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """log r, θ and the parts of (1 - 1 / λ) / Δ, by which an input is held; each (N,)."""
        step, a = torch.sigmoid(self.step_logit), self.log_A.exp()
        if self.log_G is None:
            frequency = a.sqrt()  # 1 / λ = 1 - i Δ sqrt(A)
            log_r, angle = -0.5 * (step.square() * a).log1p(), (step * frequency).atan()
            return log_r, angle, torch.zeros_like(a), frequency
        lost = step * self.log_G.exp()  # 1 / r² - 1
        log_r = -0.5 * lost.log1p()
        r = log_r.exp()
        short = lost * r.square() / (1 + r)  # 1 - r, without the difference
        swing = r.square() * step.square() * a
        half_sin = ((swing - short.square()) / (4 * r)).clamp(LEAST, 1 - LEAST)
        half_cos = (((1 + r).square() - swing) / (4 * r)).clamp(LEAST, 1 - LEAST)
        sin, cos = 2 * (half_sin * half_cos).sqrt(), half_cos - half_sin
        return log_r, torch.atan2(sin, cos), (2 * half_sin - short) / (r * step), sin / (r * step)
