"""Predictions against targets, a point each: on the diagonal they are right. Drawn once, after the test."""

from typing import Any

import lightning.pytorch as pl
import torch
from matplotlib.figure import Figure
from torch import Tensor

from seqmodels.callbacks.figures.publish import publish
from seqmodels.config.ranges import at_least


class ScatterFigure(pl.Callback):
    """Listens to test steps that return `prediction` and the `mask` of what counts; others it ignores."""

    def __init__(self, points: int = 2000) -> None:
        """
        Args:
            points: steps that count and are drawn, from the first on; of several targets the first. 0: no figure.

        Raises:
            ValueError: a negative number of them.
        """
        at_least(0, points=points)
        self.points = points
        self._pairs: list[Tensor] = []
        self._missing = points

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._pairs, self._missing = [], self.points

    def on_test_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, *args: Any
    ) -> None:
        if not {"prediction", "mask"} <= outputs.keys() or not self._missing:
            return
        pairs = torch.stack([batch.y[..., 0], outputs["prediction"][..., 0].float()], -1)
        pairs = pairs[outputs["mask"]][: self._missing].cpu()
        self._pairs.append(pairs)
        self._missing -= len(pairs)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._missing == self.points or not trainer.is_global_zero:
            return
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        publish(trainer, "scatter", scatter_figure(torch.cat(self._pairs), f"{data.name}, test", data.target_names[0]))


def scatter_figure(pairs: Tensor, title: str, target: str = "") -> Figure:
    """(N, 2) targets and predictions, on axes of the same range."""
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    low, high = (float(bound) for bound in pairs.aminmax())
    margin = 0.05 * (high - low) or 1
    ends = (low - margin, high + margin)
    axes.plot(ends, ends, color="0.6", linewidth=1)
    axes.scatter(pairs[:, 0], pairs[:, 1], s=6, alpha=0.4, color="tab:blue", linewidth=0)
    axes.set(xlim=ends, ylim=ends, aspect="equal", xlabel=f"target {target}".strip(), ylabel="prediction")
    axes.set_title(f"{title}: {len(pairs):,} steps that count")
    return figure
