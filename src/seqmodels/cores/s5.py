"""S5, one state space for all channels: Smith, Warrington & Linderman 2023, arXiv 2208.04933.

    h'(t) = Λ h(t) + B x(t),  y(t) = 2 Re(C h(t)) + D x(t)      N / 2 complex modes, each also for its conjugate
    h_t = exp(Λ Δ) h_{t-1} + (exp(Λ Δ) - 1) / Λ B x_t           zero-order hold, each mode with a step Δ of its own

S4D has modes for each channel; these are shared, and B and C mix the channels. A step that comes dt after the one
before has dt Δ in place of Δ, its input being held for as long.

Λ starts as the eigenvalues of the normal part of HiPPO-LegS, B and C as random matrices seen in its eigenvectors. The
real parts of Λ are -exp of a parameter, so that no mode ever grows; the paper leaves that open.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqmodels.config.ranges import WIDEST, at_most, size
from seqmodels.cores.base import Core, State
from seqmodels.cores.checks import check_dt
from seqmodels.cores.modes import read_modes, times, zero_order_hold
from seqmodels.cores.scan import check_dtype


class S5(Core):
    """One layer, without the activation and gate behind it, which a `Stack` adds.

    State: (h,) with h (B, N / 2, 2), real and imaginary parts. Parameters: 2 N H + 3 N / 2 + H.
    """

    takes_reset = takes_dt = True
    initial_state_is_fixed = True
    timescale_parameters = ("log_dt", "log_A_real", "A_imag")

    def __init__(
        self, input_size: int, state_size: int = 64, blocks: int = 1, dt_min: float = 0.001, dt_max: float = 0.1
    ) -> None:
        """
        Args:
            input_size: H, D of the input and of the output.
            state_size: N, even; counted in real numbers.
            blocks: J, HiPPO matrices of size N / J along the diagonal of the system that Λ starts from.
            dt_min, dt_max: Δ of each mode is drawn log-uniformly between them; a mode sees about 2 / Δ steps back.

        Raises:
            ValueError: a size is not positive, the blocks are not of an even size, or the range of Δ is empty.
        """
        super().__init__()
        size(WIDEST, input_size=input_size, blocks=blocks)
        if state_size < 2 * blocks or state_size % (2 * blocks):
            raise ValueError(
                f"state_size={state_size} is not made of conjugate pairs in each of blocks={blocks}; give a multiple "
                f"of {2 * blocks}"
            )
        at_most(WIDEST, state_size=state_size)
        check_dt(dt_min, dt_max)
        self.input_size = self.output_size = input_size
        modes = state_size // 2
        imag, vectors = hippo_modes(state_size // blocks)
        entry = torch.randn(blocks, state_size // blocks, input_size) / math.sqrt(input_size)
        readout = torch.randn(blocks, input_size, state_size // blocks, 2) / math.sqrt(state_size)
        entry = vectors.mH @ entry.to(vectors.dtype)
        readout = torch.view_as_complex(readout) @ vectors
        self.log_dt = nn.Parameter(torch.empty(modes).uniform_(math.log(dt_min), math.log(dt_max)))
        self.log_A_real = nn.Parameter(torch.full((modes,), math.log(0.5)))
        self.A_imag = nn.Parameter(imag.repeat(blocks))
        self.B = nn.Parameter(torch.view_as_real(entry.flatten(0, 1)).transpose(1, 2).contiguous())
        self.C = nn.Parameter(torch.view_as_real(readout.transpose(0, 1).flatten(1)).contiguous())
        self.D = nn.Parameter(torch.randn(input_size))

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return (self.log_dt.new_zeros(batch_size, len(self.log_dt), 2, device=device, dtype=dtype),)

    def forward(
        self, x: Tensor, state: State | None = None, reset: Tensor | None = None, dt: Tensor | None = None
    ) -> tuple[Tensor, State]:
        check_dtype(self.log_dt)
        (h,) = self.initial_state(len(x), x.device) if state is None else state
        step = self.log_dt.exp() if dt is None else dt.to(self.log_dt.dtype).unsqueeze(-1) * self.log_dt.exp()
        real, imag = -self.log_A_real.exp(), self.A_imag
        gain_real, gain_imag, hold = zero_order_hold(step * real, step * imag, real, imag)
        entry = self.B if dt is not None else times(hold.unsqueeze(1), self.B.mT).mT
        inputs = F.linear(x, entry.flatten(0, 1)).to(h.dtype).unflatten(-1, (-1, 2))
        states = read_modes((gain_real, gain_imag), inputs if dt is None else times(hold, inputs), h, reset)
        readout = torch.stack([2 * self.C[..., 0], -2 * self.C[..., 1]], -1).flatten(1)
        return F.linear(states.flatten(2), readout) + self.D * x, (states[:, -1].clone(),)


def hippo_modes(size: int) -> tuple[Tensor, Tensor]:
    """The normal part of HiPPO-LegS (Gu et al. 2020; Gu, Goel & Ré 2022, appendix C.1), N x N with N even.

    It is S - 1/2 with S_nk = -+ sqrt(n + 1/2) sqrt(k + 1/2) below and above the diagonal.

    Returns:
        The positive imaginary parts of its eigenvalues, (N / 2,), and their eigenvectors, (N, N / 2); the real parts
        are all -1/2.
    """
    root = (torch.arange(size, dtype=torch.float64) + 0.5).sqrt()
    outer = root.outer(root)
    values, vectors = torch.linalg.eigh(1j * (outer.tril(-1) - outer.triu(1)))
    return values[size // 2 :].to(torch.get_default_dtype()), vectors[:, size // 2 :].to(
        torch.get_default_dtype().to_complex()
    )
