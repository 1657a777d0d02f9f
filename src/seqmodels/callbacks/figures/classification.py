"""What a classifier sees and mistakes: ten samples, the worst mistakes, the confusion matrix; drawn after the test."""

import logging
from collections.abc import Iterable
from typing import Any, NamedTuple

import lightning.pytorch as pl
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from seqmodels.callbacks.figures.drawing import draws, harmless, in_legend
from seqmodels.callbacks.figures.publish import gathered, publish
from seqmodels.config.ranges import at_least

log = logging.getLogger(__name__)


class ClassificationFigures(pl.Callback):
    """Listens to test steps that return `logits` and `target`; others it ignores."""

    def __init__(self, samples: int = 10, mistakes: int = 30) -> None:
        """
        Args:
            samples: test sequences whose prediction is printed and drawn, from the first on.
            mistakes: sequences in the figure of the worst: wrong ones first, and among them and among the right ones
                those whose own class was given the least probability.

        Raises:
            ValueError: an argument is below 1.
        """
        at_least(1, samples=samples, mistakes=mistakes)
        self.samples, self.mistakes = samples, mistakes
        self._reset()

    def _reset(self) -> None:
        self._counts: Tensor | None = None
        self._first: list[Shown] = []
        self._worst: list[Shown] = []

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._reset()

    @harmless
    def on_test_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:  # fmt: skip
        if "logits" not in outputs:
            return
        probabilities, target = outputs["logits"].float().softmax(-1), outputs["target"]
        probability, predicted = probabilities.max(-1)
        classes = probabilities.shape[-1]
        counts = torch.bincount(target * classes + predicted, minlength=classes**2).view(classes, classes)
        self._counts = counts if self._counts is None else self._counts + counts
        x, _, *lengths = batch

        def take(rows: Tensor) -> list[Shown]:
            return [
                Shown(
                    (x[i, : lengths[0][i]] if lengths else x[i]).float().cpu(),
                    int(target[i]),
                    int(predicted[i]),
                    float(probability[i]),
                    float(probabilities[i, target[i]]),
                )
                for i in rows
            ]

        self._first += take(torch.arange(len(target))[: self.samples - len(self._first)])
        of_its_own = probabilities.gather(1, target[:, None])[:, 0]
        worst = torch.where(predicted == target, 1 + of_its_own, of_its_own).argsort(stable=True)
        self._worst = worst_first([*self._worst, *take(worst[: self.mistakes])])[: self.mistakes]

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        counts = None if self._counts is None else self._counts.cpu()
        self._draw(trainer, *zip(*gathered((counts, self._worst)), strict=True))

    @draws
    def _draw(self, trainer: pl.Trainer, counts: tuple[Tensor | None, ...], worst: tuple[list["Shown"], ...]) -> None:
        """Arguments as each process has them."""
        counted = [part for part in counts if part is not None]
        if not counted or not trainer.is_global_zero:
            return
        data = trainer.datamodule  # type: ignore[attr-defined]
        names = data.class_names
        log.info("predicted  %s", " ".join(names[sample.predicted] for sample in self._first))
        log.info("true       %s", " ".join(names[sample.target] for sample in self._first))
        publish(trainer, "confusion", confusion_figure(torch.stack(counted).sum(0), names, f"{data.name}, test"))
        mistakes = worst_first(sample for part in worst for sample in part)[: self.mistakes]
        for name, shown, what in (("samples", self._first, "the first"), ("mistakes", mistakes, "the worst first")):
            title = f"{data.name}, test: {what}"
            images = data.images([sample.x for sample in shown])
            if images is not None:
                publish(trainer, name, image_figure(images, shown, names, title))
            else:
                publish(trainer, name, curve_figure(shown, names, data.input_names, title))


NAMED = 10
"""Curves that a figure names; more have no colours of their own."""

SHORT = 3
"""Letters of a class's name that leave room for another's on the same line above an image."""


class Shown(NamedTuple):
    """A sequence that is drawn: x (T, D), the true class, the predicted one, its probability, and the true one's."""

    x: Tensor
    target: int
    predicted: int
    probability: float
    of_target: float = 0.0

    def verdict(self, names: list[str], comma: str = ", ") -> tuple[str, str]:
        """What is written beside it, and in which colour."""
        right = self.target == self.predicted
        text = names[self.predicted] if right else f"{names[self.predicted]}{comma}not {names[self.target]}"
        return f"{text}\n{self.probability:.0%}", "black" if right else "crimson"


def worst_first(shown: Iterable[Shown]) -> list[Shown]:
    """Wrong ones first; of those that are alike in this, the less probable the true class the earlier."""
    return sorted(shown, key=lambda sample: (sample.predicted == sample.target, sample.of_target))


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
        figure.legend(lines, [in_legend(name) for name in columns], loc="outside lower center", ncols=5, fontsize=8)
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
