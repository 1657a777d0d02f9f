"""A signal, its target and its prediction as curves over time."""

from typing import NamedTuple

import matplotlib.dates
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from seqmodels.callbacks.figures.drawing import in_legend

FEW = 0.5
"""Where fewer steps than this count, those that do are marked, not those that do not."""


class Curves(NamedTuple):
    """S neighbouring steps of one signal; NaN where nothing is known.

    Attributes:
        times: (S + h,) numbers or dates; step i reads what was at times[i], its target stands at times[i + h].
        label: what these are.
        x: (S, D) inputs.
        y, prediction: (S,) of the first target.
        naive: (S,) the target h steps before; None where nothing is forecast.
        counts: (S,) whether the step counts.
        horizon: h.
        names: of the inputs, and of the target behind them.
        borders: steps before which a window begins; none where windows have been put together.
    """

    times: np.ndarray
    label: str
    x: np.ndarray
    y: np.ndarray
    prediction: np.ndarray
    naive: np.ndarray | None
    counts: np.ndarray
    horizon: int
    names: list[str]
    borders: list[int]


def plot_curves(axes: Axes, curves: Curves) -> list[Line2D]:
    """The first input at its own time, the target and the prediction at the time that they are of.

    Beside a forecast stands the naive one: what was known h steps before. An input of another magnitude than the target
    has an axis of its own, on the right. A further input of zeros and ones is drawn as marks on the first.

    Returns:
        What is drawn at the target's time.
    """
    steps, horizon = len(curves.y), curves.horizon
    now, then = curves.times[:steps], curves.times[horizon : horizon + steps]
    *inputs, target = curves.names
    first = curves.x[:, 0]
    beside = axes if _alike(first, curves.y) else axes.twinx()
    lines = beside.plot(now, first, color="0.6", linewidth=1, label=f"input {inputs[0]}".strip())
    for column, name in enumerate(inputs[1:], 1):
        if _marks(curves.x[:, column]):
            at = curves.x[:, column] == 1
            lines += beside.plot(now[at], first[at], "o", color="black", markersize=5, label=in_legend(name))
    read = len(lines)
    lines += axes.plot(then, curves.y, color="tab:red", linewidth=1.5, label=f"target {target}".strip())
    lines += axes.plot(then, curves.prediction, color="tab:blue", linewidth=1.5, label="prediction")
    if curves.naive is not None:
        lines += axes.plot(then, curves.naive, color="tab:green", linewidth=1, linestyle="--", label="naive")
    if beside is not axes:
        beside.set_ylabel(inputs[0], color="0.4")
        axes.set_zorder(beside.get_zorder() + 1)
        axes.patch.set_visible(False)
    borders = [now[border] for border in curves.borders if 0 < border < steps]
    beside.vlines(borders, 0, 1, transform=beside.get_xaxis_transform(), color="0.85", linewidth=0.8, zorder=0)
    _show_what_counts(beside, axes, then, curves, lines)
    _label_time(axes, curves.label, curves.times)
    axes.set_ylabel(target)
    axes.legend(handles=lines, loc="lower right", bbox_to_anchor=(1, 1), ncols=len(lines), fontsize=8, frameon=False)
    return lines[read:]


def _show_what_counts(beside: Axes, axes: Axes, then: np.ndarray, curves: Curves, lines: list) -> None:
    counts = curves.counts & np.isfinite(curves.y)
    known = np.isfinite(curves.y)
    if not known.any() or counts[known].all():
        return
    if counts[known].mean() < FEW:
        at = then[counts], curves.prediction[counts]
        lines += axes.plot(*at, "D", color="tab:blue", markersize=5, label="counts")
        return
    spans = [
        beside.axvspan(then[begin], then[end - 1], color="0.93", zorder=-1) for begin, end in runs(known & ~counts)
    ]
    spans[0].set_label("not counted")
    lines.append(spans[0])


def runs(where: np.ndarray) -> np.ndarray:
    """(n, 2) where each run of True begins, and where it has ended."""
    return np.flatnonzero(np.diff(np.concatenate([[False], where, [False]]).astype(int))).reshape(-1, 2)


def _label_time(axes: Axes, label: str, times: np.ndarray) -> None:
    if times.dtype.kind == "M":
        locator = matplotlib.dates.AutoDateLocator()
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(matplotlib.dates.ConciseDateFormatter(locator))
    else:
        axes.ticklabel_format(axis="x", useOffset=False)
    axes.set_xlabel(label)
    axes.margins(x=0.01)


def _marks(column: np.ndarray) -> bool:
    known = column[np.isfinite(column)]
    return bool(np.isin(known, (0, 1)).all() and 0 < (known == 1).mean() < FEW) if len(known) else False


def _alike(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether both can be read off one axis."""
    known = [values[np.isfinite(values)] for values in (x, y)]
    if not all(len(values) for values in known):
        return True
    (low, high), (other_low, other_high) = ((values.min(), values.max()) for values in known)
    together = max(high, other_high) - min(low, other_low)
    return bool(together <= 4 * min(high - low, other_high - other_low))
