"""How a regressor follows a stream: input, target and prediction over time, and the error by position in the window."""

import math
from typing import Any, NamedTuple

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.utilities import move_data_to_device
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from seqmodels.callbacks.figures.publish import publish
from seqmodels.config.ranges import at_least


class StreamFigure(pl.Callback):
    """Listens to validation and test steps that return `prediction` and the `mask` of what counts.

    It draws after the test, else after the fit.

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
        self._counts: list[Tensor] = []
        self._steps = 0
        self._error_sum: Tensor | float = 0.0
        self._count: Tensor | float = 0.0

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._reset()

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._reset()

    def on_validation_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, *args: Any
    ) -> None:
        self._listen(outputs, batch)

    def on_test_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, *args: Any
    ) -> None:
        self._listen(outputs, batch)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._draw(trainer, "validation")

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._draw(trainer, "test")

    def _listen(self, outputs: Any, batch: Any) -> None:
        if not {"prediction", "mask"} <= outputs.keys():
            return
        prediction, mask = outputs["prediction"].float(), outputs["mask"]
        error = torch.where(mask, (prediction - batch.y).square().mean(-1), 0)
        self._error_sum = self._error_sum + error.sum(0)
        self._count = self._count + mask.sum(0)
        self._steps += mask.shape[1]
        self._pieces = [*self._pieces, piece(batch, prediction)][-self.windows :]
        self._counts = [*self._counts, mask[0]][-self.windows :]

    def _draw(self, trainer: pl.Trainer, stage: str) -> None:
        if not self._pieces or not trainer.is_global_zero:
            return
        error = (self._error_sum / self._count).cpu()  # type: ignore[union-attr]
        several = bool(error.isfinite().sum() > 1)  # NaN: a position that never counts
        figure = Figure(figsize=(10, 5.5 if several else 3.3), layout="constrained")
        above, *below = figure.subplots(1 + several, squeeze=False, height_ratios=[3, 2][: 1 + several])[:, 0]
        datamodule: Any = trainer.datamodule  # type: ignore[attr-defined]
        counts = torch.cat(self._counts).cpu().numpy()
        grey = "" if counts.all() else " (on grey: read, not counted)"
        above.set_title(
            f"{datamodule.name}, {stage}: the first stream, windows of {len(self._pieces[0].x)} steps{grey}"
        )
        first = self._steps - sum(len(part.x) for part in self._pieces)
        plot_pieces(above, self._pieces, first, (datamodule.input_names[0], datamodule.target_names[0]))
        shade_uncounted(above, counts, first)
        for axes in below:
            axes.plot(range(1, len(error) + 1), error, marker="o", markersize=3, color="tab:blue")
            axes.set_ylim(0, 1.1 * float(error.nan_to_num().max()) or 1)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.set_xlabel("step in the window")
            axes.set_ylabel("mean squared error")
        publish(trainer, f"stream_{stage}", figure)


class Piece(NamedTuple):
    """One window of one stream on the CPU: x (T, D), y (T, Y), prediction (T, Y); NaN where there is no target."""

    x: Tensor
    y: Tensor
    prediction: Tensor


def piece(batch: Any, prediction: Tensor) -> Piece:
    """The first row of a window and of its prediction."""
    x, y, predicted = move_data_to_device((batch.x[0], batch.y[0], prediction[0].detach().float()), "cpu")
    nothing = y[:, :1].isnan()  # a missing target, or padding
    return Piece(x.masked_fill(nothing, math.nan), y, predicted.masked_fill(nothing, math.nan))


def plot_pieces(axes: Axes, pieces: list[Piece], first_step: int = 0, names: tuple[str, str] = ("", "")) -> None:
    """Neighbouring windows of one stream, of any length; the first input and the first target are drawn.

    An input of another magnitude than the target has an axis of its own, on the right.

    Args:
        axes: where.
        pieces: the windows.
        first_step: the number of their first step.
        names: of the first input and the first target.
    """
    x, y, prediction = (np.concatenate([part[:, 0] for part in parts]) for parts in zip(*pieces, strict=True))
    time = first_step + np.arange(len(x))
    labels = [f"{role} {name}".strip() for role, name in zip(("input", "target"), names, strict=True)]
    beside = axes if _alike(x, y) else axes.twinx()
    lines = beside.plot(time, x, color="0.6", linewidth=1, label=labels[0])
    lines += axes.plot(time, y, color="tab:red", linewidth=1.5, label=labels[1])
    lines += axes.plot(time, prediction, color="tab:blue", linewidth=1.5, label="prediction")
    if beside is not axes:
        beside.set_ylabel(labels[0], color="0.4")
        axes.set_zorder(beside.get_zorder() + 1)
        axes.patch.set_visible(False)
    for border in first_step + np.cumsum([0, *(len(piece.x) for piece in pieces)]):
        axes.axvline(border - 0.5, color="0.85", linewidth=0.8, zorder=0)
    known = time[np.isfinite(y)]
    axes.set_xlim(time[0] - 0.5, (known[-1] if len(known) else time[-1]) + 0.5)
    axes.set_xlabel("step")
    axes.legend(handles=lines, loc="upper right", ncols=3, fontsize=8)


def shade_uncounted(axes: Axes, counts: np.ndarray, first_step: int) -> None:
    """Steps that are read but do not count, of a warm-up or a burn-in, lie on grey.

    Args:
        axes: with the pieces.
        counts: (T,) bool, of all their steps.
        first_step: the number of the first one.
    """
    borders = np.flatnonzero(np.diff(np.concatenate([[False], ~counts, [False]]).astype(int)))
    for begin, end in borders.reshape(-1, 2):
        axes.axvspan(first_step + begin - 0.5, first_step + end - 0.5, color="0.94", zorder=-1)


def _alike(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether both can be read off one axis."""
    known = [values[np.isfinite(values)] for values in (x, y)]
    if not all(len(values) for values in known):
        return True
    (low, high), (other_low, other_high) = ((values.min(), values.max()) for values in known)
    together = max(high, other_high) - min(low, other_low)
    return bool(together <= 4 * min(high - low, other_high - other_low))
