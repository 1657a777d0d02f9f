"""How the diagnostics of a stream are drawn: gradient by lag, norm of the state, resets."""

from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, MaxNLocator
from torch import Tensor

CURVES = 6
"""Times of the training whose gradients are drawn."""


class Snapshot(NamedTuple):
    """One look, on the CPU.

    Attributes:
        step: of the optimiser, counted from 1.
        norms: (B,) norms of the state of each stream before the step; None before the first window.
        gradient: (S,) gradient norms by lag, newest step first.
        resets: streams that started anew since the last look.
        window: steps of the newest window.
    """

    step: int
    norms: Tensor | None
    gradient: Tensor
    resets: int
    window: int


def diagnostics_figure(snapshots: list[Snapshot], name: str) -> Figure:
    """Gradient by lag on top, below it the norm of the state and the resets over the training."""
    figure = Figure(figsize=(10, 7.5), layout="constrained")
    above, middle, below = figure.subplots(3, height_ratios=[4, 3, 1.5])
    middle.sharex(below)
    _plot_gradients(above, snapshots)
    above.set_title(f"{name}: how far back the gradient reaches")
    _plot_norms(middle, snapshots)
    middle.set_title("size of the carried state")
    _plot_resets(below, snapshots)
    return figure


def _plot_gradients(axes: Axes, snapshots: list[Snapshot]) -> None:
    chosen = np.unique(np.linspace(0, len(snapshots) - 1, CURVES).round().astype(int))
    colours = matplotlib.colormaps["viridis"](np.linspace(0.9, 0, len(chosen)))
    for which, colour in zip(chosen, colours, strict=True):
        gradient = snapshots[which].gradient.numpy()
        gradient = np.where(gradient > 0, gradient, np.nan)  # zero, from a reset or a mask, has no place on a log axis
        axes.plot(gradient, color=colour, linewidth=1.5, marker=".", label=f"step {snapshots[which].step}")
    if any((snapshot.gradient > 0).any() for snapshot in snapshots):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(LogFormatter())  # the default writes formulas, which names here are not
        axes.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
    newest = snapshots[-1].window
    if len(snapshots[-1].gradient) > newest:
        axes.axvline(newest - 0.5, color="0.4", linestyle="--", linewidth=1)
        foot = axes.get_xaxis_transform()  # x in steps, y from 0 to 1
        axes.text(newest - 1, 0.03, "newest window", ha="right", fontsize=8, color="0.4", transform=foot)
        axes.text(newest, 0.03, "windows before", ha="left", fontsize=8, color="0.4", transform=foot)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(which="major", color="0.9")
    axes.set_xlabel("lag (steps before the last one of the newest window)")
    axes.set_ylabel("‖∂ squared error / ∂ input‖\nmean over streams")
    axes.legend(title="training", fontsize=8)


def _plot_norms(axes: Axes, snapshots: list[Snapshot]) -> None:
    known = [(snapshot.step, snapshot.norms.numpy()) for snapshot in snapshots if snapshot.norms is not None]
    if known:
        steps, norms = zip(*known, strict=True)
        low, mean, high = (np.array([f(each) for each in norms]) for f in (np.min, np.mean, np.max))
        axes.fill_between(steps, low, high, color="tab:blue", alpha=0.2, linewidth=0, label="all streams")
        axes.plot(steps, mean, color="tab:blue", marker=".", label="mean")
        axes.legend(fontsize=8)
    axes.set_ylim(bottom=0)
    axes.grid(color="0.9")
    axes.set_ylabel("‖state‖ of a stream")
    axes.tick_params(labelbottom=False)


def _plot_resets(axes: Axes, snapshots: list[Snapshot]) -> None:
    steps, resets = [snapshot.step for snapshot in snapshots], [snapshot.resets for snapshot in snapshots]
    axes.vlines(steps, 0, resets, color="tab:orange", linewidth=3)
    axes.set_ylim(0, 1.1 * max(1, *resets))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=3))
    axes.grid(color="0.9")
    axes.set_ylabel("resets since\nthe last look")
    axes.set_xlabel("optimiser step")
