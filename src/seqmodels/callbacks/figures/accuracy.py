"""The accuracy of a test by the length of what was read, or by how much was to be kept. Drawn once, after the test."""

from itertools import pairwise

import lightning.pytorch as pl
import numpy as np
from matplotlib.figure import Figure

from seqmodels.callbacks.figures.drawing import draws
from seqmodels.callbacks.figures.publish import publish
from seqmodels.datamodules.window import AccuracyBy

LABELS = {"length": "steps read", "pairs": "pairs to be kept"}


class AccuracyFigure(pl.Callback):
    """Draws where the datamodule says what its accuracy is told apart by, and the test measured it; else nothing."""

    @draws
    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        by = getattr(trainer.datamodule, "accuracy_by", None)  # type: ignore[attr-defined]
        parts = getattr(getattr(pl_module, "metrics", {}).get("test"), "parts", {})
        if by is None or "acc" not in parts or not trainer.is_global_zero:
            return
        data = trainer.datamodule  # type: ignore[attr-defined]
        figure = accuracy_figure(by, parts["acc"].cpu().numpy(), data.chance, f"{data.name}, test")
        publish(trainer, f"accuracy_by_{by.axis}", figure)


def accuracy_figure(by: AccuracyBy, acc: np.ndarray, chance: float | None, title: str) -> Figure:
    """One step of a staircase for each range.

    Args:
        by: n ranges.
        acc: (n,) NaN where there is nothing.
        chance: the accuracy of a guess, if known.
        title: of the figure.
    """
    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.subplots()
    known = [(*ends, value) for ends, value in zip(pairwise(by.edges), acc, strict=True) if np.isfinite(value)]
    axes.hlines(
        [value for *_, value in known],
        [first for first, *_ in known],
        [end - 1 for _, end, _ in known],
        color="tab:blue",
        linewidth=2.5,
    )
    middles = [(first + end - 1) / 2 for first, end, _ in known]
    axes.plot(middles, [value for *_, value in known], "o-", color="tab:blue", linewidth=0.8, label="right")
    if chance is not None:
        axes.axhline(chance, color="0.5", linewidth=1, linestyle="--", label=f"a guess, {chance:.3g}")
    axes.set(ylim=(-0.03, 1.03), xlabel=LABELS[by.axis], ylabel="accuracy", title=title)
    axes.legend(loc="best", fontsize=8, frameon=False)
    return figure
