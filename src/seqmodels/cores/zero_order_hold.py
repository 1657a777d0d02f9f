"""Continuous diagonal systems h'(t) = A h(t) + u(t), read at steps between which u stays what it is."""

import torch
from torch import Tensor


def zero_order_hold(growth: Tensor, angle: Tensor, real: Tensor, imag: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """h_t = Ā h_{t-1} + (Ā - 1) / A u_t with Ā = exp(Δ A); in real numbers, as ONNX has no complex.

    Args:
        growth, angle: the parts of Δ A, (..., N).
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
