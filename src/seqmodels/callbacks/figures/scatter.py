"""Predictions against targets, a point each: on the diagonal they are right. Drawn once, after the test."""

from typing import Any, NamedTuple

import lightning.pytorch as pl
import torch
from matplotlib.figure import Figure
from torch import Tensor

from seqmodels.callbacks.figures.drawing import draws, harmless
from seqmodels.callbacks.figures.publish import gathered, publish
from seqmodels.config.ranges import at_least


class ScatterFigure(pl.Callback):
    """Listens to test steps that return `prediction` and the `mask` of what counts; others it ignores."""

    def __init__(self, points: int = 2000) -> None:
        """
        Args:
            points: steps that are drawn, from anywhere in the test; of several targets the first. 0: no figure.

        Raises:
            ValueError: a negative number of them.
        """
        at_least(0, points=points)
        self.points = points
        self._sample = Sample(points)

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._sample = Sample(self.points, seed=trainer.global_rank)

    @harmless
    def on_test_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, *args: Any
    ) -> None:
        if not {"prediction", "mask"} <= outputs.keys() or not self.points:
            return
        pairs = torch.stack([batch.y[..., 0].float(), outputs["prediction"][..., 0].float()], -1)
        self._sample.add(pairs[outputs["mask"]].cpu())

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._draw(trainer, gathered(self._sample.drawn))

    @draws
    def _draw(self, trainer: pl.Trainer, drawn: list["Drawn"]) -> None:
        seen = sum(part.seen for part in drawn)
        if not seen or not trainer.is_global_zero:
            return
        pairs = smallest(drawn, self.points).rows
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        publish(trainer, "scatter", scatter_figure(pairs, seen, f"{data.name}, test", data.target_names[0]))


class Drawn(NamedTuple):
    """Rows (n, 2) drawn from `seen` of them, each with the random number that it was drawn by."""

    rows: Tensor
    by: Tensor
    seen: int


class Sample:
    """Draws n rows from a sequence of any length, each as likely: those with the smallest random numbers.

    Every k-th step would be the same place of every window as soon as k is a multiple of its length.
    """

    def __init__(self, n: int, seed: int = 0) -> None:
        """
        Args:
            n: rows to draw.
            seed: of the random numbers, which are nobody else's.
        """
        self._n, self._generator = n, torch.Generator().manual_seed(seed)
        self.drawn = Drawn(torch.empty(0, 2), torch.empty(0, dtype=torch.float64), 0)

    def add(self, rows: Tensor) -> None:
        """Go on with further rows, (m, 2)."""
        by = torch.rand(len(rows), generator=self._generator, dtype=torch.float64)
        self.drawn = smallest([self.drawn, Drawn(rows, by, len(rows))], self._n)


def smallest(parts: list[Drawn], n: int) -> Drawn:
    """The n rows with the smallest random numbers, in the order they came."""
    rows, by = torch.cat([part.rows for part in parts]), torch.cat([part.by for part in parts])
    chosen = by.argsort()[:n].sort().values
    return Drawn(rows[chosen], by[chosen], sum(part.seen for part in parts))


def scatter_figure(pairs: Tensor, seen: int, title: str, target: str = "") -> Figure:
    """(n, 2) targets and predictions of the `seen` steps that count, on axes of the same range."""
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    low, high = (float(bound) for bound in pairs.aminmax())
    margin = 0.05 * (high - low) or 1
    ends = (low - margin, high + margin)
    axes.plot(ends, ends, color="0.6", linewidth=1)
    axes.scatter(pairs[:, 0], pairs[:, 1], s=6, alpha=0.4, color="tab:blue", linewidth=0)
    axes.set(xlim=ends, ylim=ends, aspect="equal", xlabel=f"target {target}".strip(), ylabel="prediction")
    which = f"all {seen:,}" if len(pairs) == seen else f"{len(pairs):,} of {seen:,}"
    axes.set_title(f"{title}\n{which} steps that count", fontsize=10)
    return figure
