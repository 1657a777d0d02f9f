"""How a regressor follows a stream: input, target and prediction over time, and the error by position in the window."""

from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from seqmodels.callbacks.figures.curves import Curves, plot_curves
from seqmodels.callbacks.figures.drawing import draws, harmless
from seqmodels.callbacks.figures.pieces import Piece, first_stream, newest, one_series, piece
from seqmodels.callbacks.figures.publish import publish
from seqmodels.config.ranges import at_least


class StreamFigure(pl.Callback):
    """Listens to validation and test steps that return `prediction` and the `mask` of what counts.

    It draws after the test, else after the fit. A prediction stands at the time that it is of.

    The lower panel tells whether the state is worth its name: where it is dropped at every window, the first steps of
    a window are guesses. It is left out where only one step of a window counts.
    """

    def __init__(self, windows: int = 6) -> None:
        """
        Args:
            windows: how many are drawn, the last ones read.

        Raises:
            ValueError: there are none.
        """
        at_least(1, windows=windows)
        self.windows = windows
        self._reset()

    def _reset(self) -> None:
        self._pieces: list[Piece] = []
        self._rows: list[np.ndarray | None] = []
        self._steps = 0
        self._error_sum: Tensor | float = 0.0
        self._count: Tensor | float = 0.0

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._reset()

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._reset()

    @harmless
    def on_validation_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int, *args: Any
    ) -> None:
        self._listen(trainer, "val", outputs, batch, batch_idx)

    @harmless
    def on_test_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int, *args: Any
    ) -> None:
        self._listen(trainer, "test", outputs, batch, batch_idx)

    @draws
    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._draw(trainer, "validation", "val")

    @draws
    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._draw(trainer, "test", "test")

    def _listen(self, trainer: pl.Trainer, split: str, outputs: Any, batch: Any, number: int) -> None:
        if not {"prediction", "mask"} <= outputs.keys() or not trainer.is_global_zero:
            return
        prediction, mask = outputs["prediction"].float(), outputs["mask"]
        error = torch.where(mask, (prediction - batch.y).square().mean(-1), 0)
        self._error_sum = self._error_sum + error.sum(0)
        self._count = self._count + mask.sum(0)
        self._steps += mask.shape[1]
        rows = trainer.datamodule.rows_of_window(split, number)  # type: ignore[attr-defined]
        kept = piece(batch, prediction, mask, streams=1 if rows is None else len(mask))
        self._pieces = [*self._pieces, kept][-self.windows :]
        self._rows = [*self._rows, rows][-self.windows :]

    def _draw(self, trainer: pl.Trainer, stage: str, split: str) -> None:
        if not self._pieces or not trainer.is_global_zero:
            return
        error = (self._error_sum / self._count).cpu()  # type: ignore[union-attr]
        several = bool(error.isfinite().sum() > 1)  # NaN: a position that never counts
        figure = Figure(figsize=(10, 5.7 if several else 3.6), layout="constrained")
        above, *below = figure.subplots(1 + several, squeeze=False, height_ratios=[3, 2][: 1 + several])[:, 0]
        curves, what = self._curves(trainer.datamodule, split)  # type: ignore[attr-defined]
        plot_curves(above, curves)
        figure.suptitle(f"{trainer.datamodule.name}, {stage}: {what}")  # type: ignore[attr-defined]
        for axes in below:
            plot_error(axes, error)
        publish(trainer, f"stream_{stage}", figure)

    def _curves(self, data: Any, split: str) -> tuple[Curves, str]:
        pieces, steps = self._pieces, sum(kept.y.shape[1] for kept in self._pieces)
        names, horizon = [*data.input_names, data.target_names[0]], getattr(data, "horizon", None) or 0
        rows = [part[: len(kept.y)] for part, kept in zip(self._rows, pieces, strict=True) if part is not None]
        row = newest(pieces, rows) if rows else -1
        if row >= 0:
            axis, most = data.axis(split, row), self.windows * pieces[0].y.shape[1]
            return one_series(pieces, rows, axis, most, horizon, names), axis.part
        curves = first_stream(pieces, self._steps - steps, horizon, names)
        return curves, f"the first stream, windows of {pieces[0].y.shape[1]} steps"


def plot_error(axes: Axes, error: Tensor) -> None:
    """(T,) mean squared errors by the position in the window."""
    axes.plot(range(1, len(error) + 1), error, marker="o", markersize=3, color="tab:blue")
    axes.set_ylim(0, 1.1 * float(error.nan_to_num().max()) or 1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(x=0.01)
    axes.set_xlabel("step in the window")
    axes.set_ylabel("mean squared error")
