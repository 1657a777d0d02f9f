"""How a piece of a stream is drawn: input, target and prediction over time, with the borders of the windows."""

from typing import Any, NamedTuple

import numpy as np
from lightning.pytorch.utilities import move_data_to_device
from matplotlib.axes import Axes
from torch import Tensor


class Piece(NamedTuple):
    """One window of one stream on the CPU: x (T, D), y (T, Y), prediction (T, Y)."""

    x: Tensor
    y: Tensor
    prediction: Tensor


def piece(batch: Any, prediction: Tensor, row: int = 0) -> Piece:
    """The given row of a window and of its prediction."""
    return Piece(*move_data_to_device((batch.x[row], batch.y[row], prediction[row].detach().float()), "cpu"))


def plot_pieces(axes: Axes, pieces: list[Piece], first_step: int = 0) -> None:
    """Neighbouring windows of one stream, of any length; the first input and the first target are drawn.

    Args:
        axes: where.
        pieces: the windows.
        first_step: the number of their first step.
    """
    x, y, prediction = (np.concatenate([part[:, 0] for part in parts]) for parts in zip(*pieces, strict=True))
    time = first_step + np.arange(len(x))
    axes.plot(time, x, color="0.6", linewidth=1, label="input")
    axes.plot(time, y, color="tab:red", linewidth=1.5, label="target")
    axes.plot(time, prediction, color="tab:blue", linewidth=1.5, label="prediction")
    for border in first_step + np.cumsum([0, *(len(piece.x) for piece in pieces)]):
        axes.axvline(border - 0.5, color="0.85", linewidth=0.8, zorder=0)
    axes.set_xlim(time[0] - 0.5, time[-1] + 0.5)
    axes.set_xlabel("step")
    axes.legend(loc="upper right", ncols=3, fontsize=8)
