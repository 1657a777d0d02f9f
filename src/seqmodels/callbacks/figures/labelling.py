"""What a labeller read, should have said and said: strips of colours, a few sequences. Drawn once, after the test."""

from typing import Any

import lightning.pytorch as pl
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from seqmodels.callbacks.figures.drawing import draws, harmless, in_legend
from seqmodels.callbacks.figures.publish import publish
from seqmodels.config.ranges import at_least

NAMED = 20
"""Classes that a figure names."""

MOST_COMMON = "0.93"
"""The colour of the label that is seen most: a blank, so that the others stand out."""


class LabellingFigure(pl.Callback):
    """Listens to test steps that return `labels`, (B, T) as predicted; others it ignores.

    The input is drawn where the datamodule's `read_labels` says which classes it spells.
    """

    def __init__(self, samples: int = 4) -> None:
        """
        Args:
            samples: test sequences that are drawn, from the first on.

        Raises:
            ValueError: there are none.
        """
        at_least(1, samples=samples)
        self.samples = samples
        self._strips: dict[str, np.ndarray] = {}

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._strips = {}

    @harmless
    def on_test_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:  # fmt: skip
        if "labels" not in outputs or self._strips:
            return
        x, labels, *_ = batch
        data = trainer.datamodule  # type: ignore[attr-defined]
        read = data.read_labels(x)
        strips = {} if read is None else {"input": read}
        strips |= {"target": labels, "predicted": outputs["labels"]}
        self._strips = {name: strip[: self.samples].cpu().numpy() for name, strip in strips.items()}

    @draws
    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not self._strips or not trainer.is_global_zero:
            return
        data = trainer.datamodule  # type: ignore[attr-defined]
        figure = strips_figure(self._strips, data.class_names, f"{data.name}, test: the first")
        publish(trainer, "labels", figure)


def strips_figure(strips: dict[str, np.ndarray], names: list[str], title: str) -> Figure:
    """Sequences one below the other, each as strips of colours over its steps; steps that are wrong have a red cross.

    Args:
        strips: (N, T) classes by the name of the strip, among them target and predicted.
        names: of the classes.
        title: of the figure.
    """
    samples = len(strips["target"])
    figure = Figure(figsize=(10, 1.0 * samples + 1.2), layout="constrained")
    grid: list[Axes] = list(figure.subplots(samples, 1, squeeze=False, sharex=True).flat)
    colours = _colours(strips["target"], len(names))
    for number, axes in enumerate(grid):
        rows = np.stack([strip[number] for strip in strips.values()])
        axes.imshow(
            rows, cmap=ListedColormap(colours), vmin=-0.5, vmax=len(names) - 0.5, aspect="auto", interpolation="nearest"
        )
        for border in range(1, len(rows)):
            axes.axhline(border - 0.5, color="white", linewidth=2)
        wrong = np.flatnonzero(strips["predicted"][number] != strips["target"][number])
        axes.scatter(wrong, np.full(len(wrong), len(rows) - 0.25), marker="x", s=14, color="crimson", linewidth=1)
        axes.set_ylim(len(rows), -0.5)
        axes.set_yticks(range(len(rows)), list(strips), fontsize=8)
        axes.spines[["top", "right", "bottom"]].set_visible(False)
    grid[-1].set_xlabel("step")
    figure.suptitle(title)
    if len(names) <= NAMED:
        patches = [Patch(color=colour, label=in_legend(name)) for colour, name in zip(colours, names, strict=True)]
        figure.legend(handles=patches, loc="outside lower center", ncols=10, fontsize=8)
    return figure


def _colours(labels: np.ndarray, classes: int) -> list[Any]:
    few = colormaps["tab10" if classes <= 10 else "tab20"]
    colours = [(few if classes <= NAMED else colormaps["turbo"].resampled(classes))(i) for i in range(classes)]
    colours[np.bincount(labels.ravel(), minlength=classes).argmax()] = to_rgba(MOST_COMMON)
    return colours
