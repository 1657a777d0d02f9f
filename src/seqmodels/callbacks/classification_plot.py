"""How a classification is drawn: sequences with what they were taken for, and the confusion matrix."""

from typing import NamedTuple

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

NAMED = 10
"""Curves that a figure names; more have no colours of their own."""

SHORT = 3
"""Letters of a class's name that leave room for another's on the same line above an image."""


class Shown(NamedTuple):
    """A sequence that is drawn: x (T, D), the true class, the predicted one and its probability."""

    x: Tensor
    target: int
    predicted: int
    probability: float

    def verdict(self, names: list[str], comma: str = ", ") -> tuple[str, str]:
        """What is written beside it, and in which colour."""
        right = self.target == self.predicted
        text = names[self.predicted] if right else f"{names[self.predicted]}{comma}not {names[self.target]}"
        return f"{text}\n{self.probability:.0%}", "black" if right else "crimson"


def image_figure(images: Tensor, shown: list[Shown], names: list[str], title: str) -> Figure:
    """Images in rows of ten, with true and predicted class; wrong ones in red.

    Args:
        images: (N, height, width) or (N, height, width, 3), in [0, 1].
        shown: the same N sequences.
        names: of the classes.
        title: of the figure.
    """
    count, height, width = images.shape[:3]
    long = any(len(name) > SHORT for name in names)
    rows, label, gap = -(-count // 10), (0.6 if long else 0.45) * height, 0.2 * width
    figure = Figure(figsize=(10, 0.85 * (height + label) / width * rows + 0.6))
    axes = figure.add_axes((0.01, 0.02, 0.98, 0.9 - 0.1 / rows))
    axes.set_title(title)
    for i, (image, sample) in enumerate(zip(images, shown, strict=True)):
        left, top = (i % 10) * (width + gap), (i // 10) * (height + label)
        axes.imshow(image, cmap="gray_r", vmin=0, vmax=1, extent=(left, left + width, top + height, top))
        text, colour = sample.verdict(names, "\n" if long else ", ")
        axes.text(left + width / 2, top - 1, text, ha="center", fontsize=8, color=colour)
    axes.set_xlim(-gap, 10 * (width + gap))
    axes.set_ylim(rows * (height + label) - label + 1, -label)
    axes.set_axis_off()
    return figure


def curve_figure(shown: list[Shown], names: list[str], columns: list[str], title: str) -> Figure:
    """Sequences as curves over their steps, in rows of five; otherwise as `image_figure`.

    A line is a column. If one of them would lie flat beside the others, each is drawn from 0, its lowest value in the
    figure, to 1, its highest.
    """
    rows = -(-len(shown) // 5)
    figure = Figure(figsize=(10, 1.7 * rows + 0.8), layout="constrained")
    grid: list[Axes] = list(figure.subplots(rows, 5, squeeze=False, sharex=True, sharey=True).flat)
    for axes in grid[len(shown) :]:
        axes.set_axis_off()
    low, high = torch.cat([sample.x for sample in shown]).aminmax(dim=0)
    spans = high - low
    apart = bool(high.max() - low.min() > 10 * spans[spans > 0].min()) if spans.any() else False
    for axes, sample in zip(grid, shown, strict=False):
        x = (sample.x - low) / spans.where(spans > 0, 1) if apart else sample.x
        lines = axes.plot(x, linewidth=1, marker="." if len(x) == 1 else "")
        text, colour = sample.verdict(names)
        axes.set_title(text, fontsize=8, color=colour)
        axes.tick_params(labelsize=7)
    figure.suptitle(f"{title}; each column from its lowest to its highest" if apart else title)
    if len(columns) <= NAMED:
        figure.legend(lines, columns, loc="outside lower center", ncols=5, fontsize=8)
    return figure


def confusion_figure(counts: Tensor, names: list[str], title: str) -> Figure:
    """(classes, classes) counts, true by predicted; the colour is the share of the true class."""
    classes = len(names)
    side = max(4.0, 0.55 * classes)
    figure = Figure(figsize=(side + 1, side + 0.5), layout="constrained")
    axes = figure.subplots()
    share = counts / counts.sum(1, keepdim=True).clamp(min=1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    if classes <= 30:
        for i in range(classes):
            for j in range(classes):
                if counts[i, j]:
                    colour = "white" if share[i, j] > 0.5 else "black"
                    axes.text(j, i, str(int(counts[i, j])), ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(classes), names, rotation=90 if max(map(len, names)) > 3 else 0)
    axes.set_yticks(range(classes), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    accuracy = counts.diagonal().sum() / counts.sum()
    axes.set_title(f"{title}\n{accuracy:.2%} of {int(counts.sum()):,} right")
    return figure
