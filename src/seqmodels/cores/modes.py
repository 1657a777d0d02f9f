"""Modes of a linear system, each by itself: complex numbers that decay and turn, as pairs of real ones.

ONNX has no complex numbers, and a state is real tensors; whole windows are scanned as complex ones.
"""

import torch
from torch import Tensor

from seqmodels.cores.scan import linear_scan


def zero_order_hold(growth: Tensor, angle: Tensor, real: Tensor, imag: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """h'(t) = A h(t) + u(t), read at steps between which u stays what it is: h_t = Ā h_{t-1} + (Ā - 1) / A u_t.

    Args:
        growth, angle: the parts of log Ā, which is Δ A, (..., N).
        real, imag: the parts of A, (N,), of which not both are 0.

    Returns:
        Re and Im of Ā - 1, each (..., N), and (Ā - 1) / A, (..., N, 2), real and imaginary parts. Ā itself, rounded so
        near to 1, would have lost the digits that say how slow a mode is.
    """
    # By half angles nothing cancels where Δ A is small.
    above, sin, cos = growth.expm1(), (angle / 2).sin(), (angle / 2).cos()
    chord = 2 * sin * (1 + above)
    gain_real, gain_imag = above - sin * chord, cos * chord
    hold = torch.stack([gain_real * real + gain_imag * imag, gain_imag * real - gain_real * imag], -1)
    return gain_real, gain_imag, hold / (real.square() + imag.square()).unsqueeze(-1)


def read_modes(gain: tuple[Tensor, Tensor], inputs: Tensor, h: Tensor, reset: Tensor | None) -> Tensor:
    """All h_t = Ā h_{t-1} + inputs_t, in a step with the Ā of a window: unrounded, a step would drift away from it.

    Args:
        gain: Re and Im of Ā - 1, (N,), or (B, T, N) where it is not always the same.
        inputs: (B, T, N, 2).
        h: (B, N, 2), the state before the first step.
        reset: (B, T) bool, True where h_t = inputs_t.

    Returns:
        (B, T, N, 2).
    """
    real, imag = 1 + gain[0], gain[1]
    if inputs.shape[1] == 1 and reset is None:
        return times(torch.stack([real, imag], -1), h.unsqueeze(1)) + inputs
    decay = torch.complex(real, imag)
    decay = decay if decay.dim() == 3 else decay[None, None]
    states = linear_scan(decay, torch.view_as_complex(inputs), torch.view_as_complex(h.contiguous()), reset)
    return torch.view_as_real(states)


def times(a: Tensor, b: Tensor) -> Tensor:
    """The product of complex numbers (..., 2)."""
    real, imag, re, im = (
        a[..., 0],
        a[..., 1],
        b[..., 0],
        b[..., 1],
    )  # `unbind` would keep an export from folding weights
    return torch.stack([real * re - imag * im, real * im + imag * re], -1)
