"""How a piece of a stream is drawn: input, target and prediction over time, with the borders of the windows."""

import math
from typing import Any, NamedTuple

import numpy as np
from lightning.pytorch.utilities import move_data_to_device
from matplotlib.axes import Axes
from torch import Tensor


class Piece(NamedTuple):
    """One window of one stream on the CPU: x (T, D), y (T, Y), prediction (T, Y); NaN where there is no target."""

    x: Tensor
    y: Tensor
    prediction: Tensor


def piece(batch: Any, prediction: Tensor, row: int = 0) -> Piece:
    """The given row of a window and of its prediction."""
    x, y, predicted = move_data_to_device((batch.x[row], batch.y[row], prediction[row].detach().float()), "cpu")
    nothing = y[:, :1].isnan()  # a missing target, or padding
    return Piece(x.masked_fill(nothing, math.nan), y, predicted.masked_fill(nothing, math.nan))


def plot_pieces(axes: Axes, pieces: list[Piece], first_step: int = 0, names: tuple[str, str] = ("", "")) -> None:
    """Neighbouring windows of one stream, of any length; the first input and the first target are drawn.

    An input of another magnitude than the target has an axis of its own, on the right.

    Args:
        axes: where.
        pieces: the windows.
        first_step: the number of their first step.
        names: of the first input and the first target.
    """
    x, y, prediction = (np.concatenate([part[:, 0] for part in parts]) for parts in zip(*pieces, strict=True))
    time = first_step + np.arange(len(x))
    labels = [f"{role} {name}".strip() for role, name in zip(("input", "target"), names, strict=True)]
    beside = axes if _alike(x, y) else axes.twinx()
    lines = beside.plot(time, x, color="0.6", linewidth=1, label=labels[0])
    lines += axes.plot(time, y, color="tab:red", linewidth=1.5, label=labels[1])
    lines += axes.plot(time, prediction, color="tab:blue", linewidth=1.5, label="prediction")
    if beside is not axes:
        beside.set_ylabel(labels[0], color="0.4")
        axes.set_zorder(beside.get_zorder() + 1)
        axes.patch.set_visible(False)
    for border in first_step + np.cumsum([0, *(len(piece.x) for piece in pieces)]):
        axes.axvline(border - 0.5, color="0.85", linewidth=0.8, zorder=0)
    known = time[np.isfinite(y)]
    axes.set_xlim(time[0] - 0.5, (known[-1] if len(known) else time[-1]) + 0.5)
    axes.set_xlabel("step")
    axes.legend(handles=lines, loc="upper right", ncols=3, fontsize=8)


def shade_uncounted(axes: Axes, counts: np.ndarray, first_step: int) -> None:
    """Steps that are read but do not count, of a warm-up or a burn-in, lie on grey.

    Args:
        axes: with the pieces.
        counts: (T,) bool, of all their steps.
        first_step: the number of the first one.
    """
    borders = np.flatnonzero(np.diff(np.concatenate([[False], ~counts, [False]]).astype(int)))
    for begin, end in borders.reshape(-1, 2):
        axes.axvspan(first_step + begin - 0.5, first_step + end - 0.5, color="0.94", zorder=-1)


def _alike(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether both can be read off one axis."""
    known = [values[np.isfinite(values)] for values in (x, y)]
    if not all(len(values) for values in known):
        return True
    (low, high), (other_low, other_high) = ((values.min(), values.max()) for values in known)
    together = max(high, other_high) - min(low, other_low)
    return bool(together <= 4 * min(high - low, other_high - other_low))
