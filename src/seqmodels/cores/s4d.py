"""S4D, the diagonal state space model (Gu, Goel, Gupta & Ré 2022, arXiv 2206.11893).

Every channel of the input drives N / 2 complex modes of its own, each standing for itself and its conjugate:

    h'(t) = A h(t) + B x(t),  y(t) = 2 Re(C h(t)) + D x(t)                      continuous; A diagonal, B = 1
    h_t = Ā h_{t-1} + B̄ x_t,  Ā = exp(Δ A),  B̄ = (Ā - 1) / A                   zero-order hold with step Δ
    K_l = 2 Re(C Ā^l B̄),      y_t = Σ_l K_l x_{t-l} + 2 Re(C Ā^{t+1} h_{-1}) + D x_t     the same as a convolution

A step is the recurrence. A window is read in chunks of `CHUNK` steps: inside one, the convolution is a matrix product
with the Toeplitz matrix of K, and a state goes from chunk to chunk, as in Mamba-2 (Dao & Gu 2024, arXiv 2405.21060,
section 6). The paper convolves the whole window by FFT; chunks need the first few K alone, give the last state on the
way, take O(T) memory, and took a CPU about half the time.

Where the steps of a window differ in time, dt Δ instead of Δ with the input held for as long, there is no one kernel:
the recurrence is scanned, which keeps all its states and takes many times as long.
"""

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqmodels.config.ranges import WIDEST, at_most, one_of, size
from seqmodels.cores.base import Core, State
from seqmodels.cores.checks import check_dt
from seqmodels.cores.modes import zero_order_hold
from seqmodels.cores.scan import check_dtype, linear_scan

Init = Literal["lin", "inv"]

CHUNK = 64
"""Steps. Longer ones cost more inside the chunk, shorter ones more between chunks; 64 was the fastest on a CPU."""


class S4D(Core):
    """One layer of S4D, without the mixing between channels, which a `Stack` adds.

    State: (h,) with h (B, H, N / 2, 2), real and imaginary parts. Parameters: H (2 N + 2).

    Args:
        input_size: H, channels of the input and of the output.
        state_size: N, even; the size of the state of one channel, counted in real numbers.
        dt_min, dt_max: Δ of each channel is drawn log-uniformly between them; a channel sees about 1 / Δ steps back.
        init: the imaginary parts of A, n = 0 ... N / 2 - 1; the real parts start at -1/2. `lin` is π n (S4D-Lin),
            `inv` is N/π (N / (2 n + 1) - 1) (S4D-Inv).

    Raises:
        ValueError: a size is not positive, N is odd, the range of Δ is empty, or the initialisation is not known.
    """

    takes_reset = takes_dt = True
    timescale_parameters = ("log_dt", "log_A_real", "A_imag")

    def __init__(
        self,
        input_size: int,
        state_size: int = 64,
        dt_min: float = 0.001,
        dt_max: float = 0.1,
        init: Init = "lin",
    ) -> None:
        super().__init__()
        size(WIDEST, input_size=input_size)
        if state_size < 2 or state_size % 2:
            raise ValueError(f"state_size={state_size} cannot hold conjugate pairs; give an even number of at least 2")
        at_most(WIDEST, state_size=state_size)
        check_dt(dt_min, dt_max)
        one_of(Init, init=init)
        self.input_size = self.output_size = input_size
        shape = (input_size, state_size // 2)
        n = torch.arange(state_size // 2)
        imag = math.pi * n if init == "lin" else state_size / math.pi * (state_size / (2 * n + 1) - 1)
        self.log_dt = nn.Parameter(torch.empty(input_size).uniform_(math.log(dt_min), math.log(dt_max)))
        self.log_A_real = nn.Parameter(torch.full(shape, math.log(0.5)))
        self.A_imag = nn.Parameter(imag.expand(shape).clone())
        self.C = nn.Parameter(torch.randn(*shape, 2) * math.sqrt(0.5))  # E|C|² = 1
        self.D = nn.Parameter(torch.randn(input_size))

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return (torch.zeros(batch_size, *self.C.shape, device=device or self.C.device, dtype=dtype or self.C.dtype),)

    def forward(
        self, x: Tensor, state: State | None = None, reset: Tensor | None = None, dt: Tensor | None = None
    ) -> tuple[Tensor, State]:
        if dt is None and reset is not None:
            return self.in_pieces(x, state, reset, None)  # a fraction of the time of a scan
        check_dtype(self.C)
        x = x.to(self.C.dtype)
        h = None if state is None else state[0].to(self.C.dtype)
        if x.shape[1] == 1:
            h = self.initial_state(x.shape[0])[0] if h is None else h
            y, end = self._step(x[:, 0], h, dt if dt is None else dt[:, 0])
            return y.unsqueeze(1), (end,)
        with torch.autocast(x.device.type, enabled=False):
            y, end = self._window(x, h) if dt is None else self._scan(x, h, reset, dt)
        return y, (end,)

    def _discrete(self, dt: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Re and Im of Δ A and of Ā - 1, each (H, N / 2), and B̄ (H, N / 2, 2); all real, as ONNX has no complex.

        With dt (...) of dt Δ, each with ... in front.
        """
        step, real, imag = self.log_dt.exp().unsqueeze(-1), -self.log_A_real.exp(), self.A_imag
        if dt is not None:
            step = step * dt.to(step.dtype)[..., None, None]
        growth, angle = step * real, step * imag
        return growth, angle, *zero_order_hold(growth, angle, real, imag)

    def _step(self, x: Tensor, h: Tensor, dt: Tensor | None) -> tuple[Tensor, Tensor]:
        """The recurrence once; x (B, H), dt (B,)."""
        _, _, gain_real, gain_imag, b = self._discrete(dt)
        real, imag = h.unbind(-1)
        # More exact than Ā h, as in `zero_order_hold`.
        gain = torch.stack([gain_real * real - gain_imag * imag, gain_real * imag + gain_imag * real], -1)
        h = h + gain + b * x[..., None, None]
        (real, imag), (c_real, c_imag) = h.unbind(-1), self.C.unbind(-1)
        return 2 * (c_real * real - c_imag * imag).sum(-1) + self.D * x, h

    def _scan(self, x: Tensor, h: Tensor | None, reset: Tensor | None, dt: Tensor) -> tuple[Tensor, Tensor]:
        """The recurrence of steps that differ in time; x (B, T, H), reset and dt (B, T)."""
        growth, angle, _, _, b = self._discrete(dt)
        decay = torch.polar(growth.exp(), angle)
        start = self.initial_state(len(x))[0] if h is None else h
        inputs = torch.view_as_complex(b) * x.unsqueeze(-1)
        states = linear_scan(decay, inputs, torch.view_as_complex(start.contiguous()), reset)
        y = 2 * (torch.view_as_complex(self.C) * states).real.sum(-1) + self.D * x
        return y, torch.view_as_real(states[:, -1]).clone()

    def _window(self, x: Tensor, h: Tensor | None) -> tuple[Tensor, Tensor]:
        """Chunk by chunk; x (B, T, H) with T of at least 2."""
        rows, steps, channels = x.shape
        length = min(CHUNK, steps)
        chunks = math.ceil(steps / length)
        last = steps - (chunks - 1) * length  # steps of the last chunk, which is filled up with zeros
        powers, write, read, kernel = self._chunk(length)

        u = F.pad(x, (0, 0, 0, chunks * length - steps)).view(rows, chunks, length, channels).transpose(0, 1)
        u = _transposed(u.reshape(-1, channels)).view(channels, chunks * rows, length)
        y = u @ _toeplitz(kernel, self.D)

        nothing = powers.new_zeros(channels, rows, powers.shape[-1])
        start = nothing if h is None else _modes(h.transpose(0, 1).flatten(2))
        before = start.unsqueeze(1)  # the states before each chunk (H, chunks, B, N / 2)
        if chunks > 1:
            ends = _modes(u[:, :-rows] @ write).unflatten(1, (chunks - 1, rows))
            before = torch.cat([before, linear_scan(powers[:, -1, None, None], ends, start)], 1)
        if chunks > 1 or h is not None:
            y = torch.baddbmm(y, _pairs(before).flatten(1, 2), read[:, 1:].transpose(1, 2))
        end = powers[:, last, None] * before[:, -1] + _modes(u[:, -rows:, :last] @ write[:, length - last :])

        y = _transposed(y.view(channels, -1)).view(chunks, rows, length, channels)
        y = y.transpose(0, 1).reshape(rows, -1, channels)[:, :steps]
        return y, torch.view_as_real(end.transpose(0, 1))

    def _chunk(self, length: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What a chunk of L steps is multiplied by.

        Returns:
            Ā^l for l = 0 ... L, (H, L + 1, N / 2) complex; what x_l adds to the state at the end, (H, L, N); what a
            state adds to y l steps later, (H, L + 1, N); K_l, (H, L).
        """
        growth, angle, _, _, b = self._discrete()
        lags = torch.arange(length + 1, dtype=growth.dtype, device=growth.device).unsqueeze(-1)
        powers = torch.polar((lags * growth.unsqueeze(1)).exp(), lags * angle.unsqueeze(1))
        write = _pairs(torch.view_as_complex(b).unsqueeze(1) * powers[:, :-1]).flip(1)
        c = 2 * torch.view_as_complex(self.C).unsqueeze(1)
        read = _pairs((c * powers).conj())  # Re(C h) = Re C Re h - Im C Im h
        kernel = read[:, :-1] @ b.flatten(1).unsqueeze(-1)
        return powers, write, read, kernel.squeeze(-1)


def _toeplitz(kernel: Tensor, skip: Tensor) -> Tensor:
    """(H, L, L) that takes x_j to y_l with K_{l-j}, for kernel (H, L); skip (H,) is added to K_0."""
    later = kernel.shape[1] - 1
    taps = F.pad(kernel, (later, 0)) + F.pad(skip.unsqueeze(-1), (later, later))
    return taps.unfold(1, later + 1, 1).flip(1)


def _pairs(z: Tensor) -> Tensor:
    """Complex (..., n) as real (..., 2 n)."""
    return torch.view_as_real(z.resolve_conj()).flatten(-2)


def _modes(pairs: Tensor) -> Tensor:
    """Real (..., 2 n) as complex (..., n)."""
    return torch.view_as_complex(pairs.unflatten(-1, (-1, 2)))


def _transposed(matrix: Tensor) -> Tensor:
    out: Tensor = _Transposed.apply(matrix)
    return out


class _Transposed(torch.autograd.Function):
    """A matrix and its gradient transposed in memory; left to strides, copies and products take a CPU twice as long."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> Tensor:
        return matrix.t().contiguous()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad.contiguous().t().contiguous()
