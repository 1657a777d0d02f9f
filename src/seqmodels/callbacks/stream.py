"""How a regressor follows a stream: one stream over time, and the error by position in the window."""

from typing import Any

import lightning.pytorch as pl
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from seqmodels.callbacks.figures import publish
from seqmodels.callbacks.stream_plot import Piece, piece, plot_pieces, shade_uncounted


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
        """
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
        named_input, named_target = (getattr(datamodule, what, [""])[0] for what in ("input_names", "target_names"))
        plot_pieces(above, self._pieces, first, (named_input, named_target))
        shade_uncounted(above, counts, first)
        for axes in below:
            axes.plot(range(1, len(error) + 1), error, marker="o", markersize=3, color="tab:blue")
            axes.set_ylim(0, 1.1 * float(error.nan_to_num().max()) or 1)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.set_xlabel("step in the window")
            axes.set_ylabel("mean squared error")
        publish(trainer, f"stream_{stage}", figure)
