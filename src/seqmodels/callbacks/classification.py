"""What a classifier sees and mistakes: ten samples, the mistakes, the confusion matrix. Drawn once, after the test."""

import logging
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor
from torchmetrics.functional.classification import multiclass_confusion_matrix

from seqmodels.callbacks.classification_plot import Shown, confusion_figure, curve_figure, image_figure
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
        x, _, *lengths = batch

        def take(rows: Tensor, at_most: int) -> list[Shown]:
            return [
                Shown(
                    x[i, : lengths[0][i]] if lengths else x[i],
                    int(target[i]),
                    int(predicted[i]),
                    float(probability[i]),
                )
                for i in rows[:at_most]
            ]

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
        log.info("predicted  %s", " ".join(names[sample.predicted] for sample in self._first))
        log.info("true       %s", " ".join(names[sample.target] for sample in self._first))
        publish(trainer, "confusion", confusion_figure(counts.cpu(), names, f"{data.name}, test"))
        wrong_first = [*self._wrong, *self._right][: self.mistakes]
        for name, shown, what in (("samples", self._first, "the first"), ("mistakes", wrong_first, "wrong ones first")):
            title = f"{data.name}, test: {what}"
            shown = [sample._replace(x=sample.x.cpu()) for sample in shown]
            if hasattr(data, "images"):
                images = data.images(torch.stack([sample.x for sample in shown]))
                publish(trainer, name, image_figure(images, shown, names, title))
            else:
                publish(trainer, name, curve_figure(shown, names, data.input_names, title))
