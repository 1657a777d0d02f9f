"""What a classifier sees and mistakes: ten samples, the mistakes, the confusion matrix. Drawn once, after the test."""

import logging
from typing import Any

import lightning.pytorch as pl
import torch
from matplotlib.figure import Figure
from torch import Tensor
from torchmetrics.functional.classification import multiclass_confusion_matrix

from seqmodels.callbacks.figures import publish

log = logging.getLogger(__name__)


class ClassificationFigures(pl.Callback):
    """Listens to test steps that return `logits` and `target`; others it ignores."""

    def __init__(self, samples: int = 10, mistakes: int = 30) -> None:
        """
        Args:
            samples: test sequences whose prediction is printed and drawn, from the first on.
            mistakes: sequences in the figure that shows wrong ones first.
        """
        self.samples, self.mistakes = samples, mistakes
        self._reset()

    def _reset(self) -> None:
        self._counts: Tensor | None = None
        self._first: list[Shown] = []
        self._right: list[Shown] = []
        self._wrong: list[Shown] = []

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._reset()

    def on_test_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:  # fmt: skip
        if "logits" not in outputs:
            return
        probability, predicted = outputs["logits"].softmax(-1).max(-1)
        target = outputs["target"]
        counts = multiclass_confusion_matrix(predicted, target, outputs["logits"].shape[-1])
        self._counts = counts if self._counts is None else self._counts + counts
        right = predicted == target

        def take(rows: Tensor, at_most: int) -> list[Shown]:
            return [(batch[0][i], int(target[i]), int(predicted[i]), float(probability[i])) for i in rows[:at_most]]

        self._first += take(torch.arange(len(target)), self.samples - len(self._first))
        self._wrong += take((~right).nonzero()[:, 0], self.mistakes - len(self._wrong))
        self._right += take(right.nonzero()[:, 0], self.mistakes - len(self._right))

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._counts is None:
            return
        counts = trainer.strategy.reduce(self._counts, reduce_op="sum")
        if not trainer.is_global_zero:
            return
        data = trainer.datamodule  # type: ignore[attr-defined]
        names = data.class_names
        log.info("predicted  %s", " ".join(names[predicted] for _, _, predicted, _ in self._first))
        log.info("true       %s", " ".join(names[target] for _, target, _, _ in self._first))
        publish(trainer, "confusion", confusion_figure(counts.cpu(), names, f"{data.name}, test"))
        if hasattr(data, "images"):
            wrong_first = [*self._wrong, *self._right][: self.mistakes]
            for name, shown, what in (
                ("samples", self._first, "the first test images"),
                ("mistakes", wrong_first, "test images, wrong ones first"),
            ):
                images = data.images(torch.stack([x for x, *_ in shown]).cpu())
                publish(trainer, name, sample_figure(images, shown, names, f"{data.name}: {what}"))


Shown = tuple[Tensor, int, int, float]
"""x (T, D), the true class, the predicted one, its probability."""


def sample_figure(images: Tensor, shown: list[Shown], names: list[str], title: str) -> Figure:
    """Images (N, height, width) in rows of ten, with true and predicted class; wrong ones in red."""
    count, height, width = images.shape
    rows, label, gap = -(-count // 10), 0.45 * height, 0.2 * width
    figure = Figure(figsize=(10, 1.45 * rows + 0.5))
    axes = figure.add_axes((0.01, 0.02, 0.98, 0.9 - 0.1 / rows))
    axes.set_title(title)
    for i, (image, (_, target, predicted, probability)) in enumerate(zip(images, shown, strict=True)):
        left, top = (i % 10) * (width + gap), (i // 10) * (height + label)
        axes.imshow(image, cmap="gray_r", vmin=0, vmax=1, extent=(left, left + width, top + height, top))
        right = target == predicted
        text = names[predicted] if right else f"{names[predicted]}, not {names[target]}"
        colour = "black" if right else "crimson"
        axes.text(left + width / 2, top - 1, f"{text}\n{probability:.0%}", ha="center", fontsize=8, color=colour)
    axes.set_xlim(-gap, 10 * (width + gap))
    axes.set_ylim(rows * (height + label) - label + 1, -label)
    axes.set_axis_off()
    return figure


def confusion_figure(counts: Tensor, names: list[str], title: str) -> Figure:
    """(classes, classes) counts, true by predicted; the colour is the share of the true class."""
    classes = len(names)
    side = max(4.0, 0.55 * classes)
    figure = Figure(figsize=(side + 1, side + 0.5))
    axes = figure.subplots()
    share = counts / counts.sum(1, keepdim=True).clamp(min=1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    if classes <= 30:
        for i in range(classes):
            for j in range(classes):
                if counts[i, j]:
                    colour = "white" if share[i, j] > 0.5 else "black"
                    axes.text(j, i, str(int(counts[i, j])), ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(classes), names)
    axes.set_yticks(range(classes), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    accuracy = counts.diagonal().sum() / counts.sum()
    axes.set_title(f"{title}: {accuracy:.2%} of {int(counts.sum()):,} right")
    return figure
