"""Training on a stream as it happens: target and prediction, growing window by window."""

import logging
import os
import sys
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import matplotlib
import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image

from seqmodels.callbacks.figures.curves import plot_curves
from seqmodels.callbacks.figures.drawing import draws, harmless, plain_text
from seqmodels.callbacks.figures.pieces import Piece, first_stream, piece
from seqmodels.config.ranges import above, at_least

log = logging.getLogger(__name__)

SHADES = ((np.arange(256) * 31 / 255).round() * 255 / 31).astype(np.uint8)
"""32 of each colour, white and black among them, are near enough and fit into the palette of a GIF."""


class FitAnimation(pl.Callback):
    """Writes `figures/fit.gif` from the first windows of the training, as they were predicted at that time.

    Listens to training steps that return `prediction`; others it ignores.
    """

    def __init__(self, windows: int = 60, visible: int = 10, frames_per_second: int = 10) -> None:
        """
        Args:
            windows: frames, one a training window; 0: none.
            visible: windows in sight at a time.
            frames_per_second: of the animation.

        Raises:
            ValueError: an argument is outside its range.
        """
        at_least(0, windows=windows)
        at_least(1, visible=visible)
        above(0, frames_per_second=frames_per_second)
        self.windows, self.visible, self.frames_per_second = windows, visible, frames_per_second
        self._pieces: list[Piece] = []

    @harmless
    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if "prediction" in outputs and len(self._pieces) < self.windows and trainer.is_global_zero:
            self._pieces.append(piece(batch, outputs["prediction"], torch.ones_like(batch.mask), streams=1))

    def state_dict(self) -> dict[str, Any]:
        """Of each piece x (T, D), y and prediction (T, 1), of the one stream there is."""
        return {"pieces": [(x[0], y[0, :, None], predicted[0, :, None]) for x, y, predicted, _ in self._pieces]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._pieces = [
            Piece(x[None], y[None, :, 0], predicted[None, :, 0], torch.ones(1, len(y), dtype=torch.bool))
            for x, y, predicted in state_dict["pieces"]
        ]

    @draws
    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not self._pieces:
            return
        path = Path(trainer.default_root_dir) / "figures" / "fit.gif"
        path.parent.mkdir(parents=True, exist_ok=True)
        data = trainer.datamodule  # type: ignore[attr-defined]
        first, *rest = frames(self._pieces, self.visible, data)
        first.save(path, save_all=True, append_images=rest, duration=int(1000 / self.frames_per_second), loop=0)


def frames(pieces: list[Piece], visible: int, data: Any) -> list[Image.Image]:
    """The animation's pictures, one a window, in the colours of the last: all is drawn once, then only what moves."""
    figure = Figure(figsize=(8, 3), dpi=80, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots()
    ahead = draw_stream(axes, pieces, 0, data)
    title = look_at(axes, pieces, len(pieces), visible, data)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    curves = [one for drawn in figure.axes for one in (*drawn.collections, *drawn.patches, *drawn.lines)]
    moving = [axes.xaxis, *sorted(curves, key=Artist.get_zorder), title]
    for one in moving:
        one.set_animated(True)
    canvas.draw()
    still = canvas.copy_from_bbox(figure.bbox)
    made = []
    for end in range(1, len(pieces) + 1):
        look_at(axes, pieces, end, visible, data)
        seen = steps_of(pieces[:end]) - 1
        for one in curves:
            known = seen + horizon_of(data) if one in ahead else seen
            right = axes.transData.transform((known, 0))[0]
            one.set_clip_box(Bbox.from_extents(axes.bbox.x0, axes.bbox.y0, min(right, axes.bbox.x1), axes.bbox.y1))
        canvas.restore_region(still)
        for one in moving:
            axes.draw_artist(one)
        made.append(Image.fromarray(SHADES[np.asarray(canvas.buffer_rgba())[..., :3]]))
    colours = made[-1].quantize()
    return [picture.quantize(palette=colours, dither=Image.Dither.NONE) for picture in made]


def animation(windows: int = 60, visible: int = 10, frames_per_second: int = 10) -> FitAnimation | None:
    """The animation, or nothing for `windows=0`; arguments as in `FitAnimation`."""
    made = FitAnimation(windows, visible, frames_per_second)
    return made if windows else None


class LiveFit(FitAnimation):
    """The animation, and the same in a window while training, where there is a display.

    pyplot is imported where the window is opened: it looks for a toolkit, which no other run needs.
    """

    _figure: Figure | None = None

    @harmless
    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            log.warning("no display for callbacks=live; the same is written to figures/fit.gif")
            return
        import matplotlib.pyplot as plt

        if matplotlib.get_backend().lower() in ("agg", "pdf", "svg", "ps", "template"):
            log.warning(
                "matplotlib found no window toolkit for callbacks=live (install PyQt6, say); see figures/fit.gif"
            )
            return
        plt.ion()
        self._figure, _ = plt.subplots(figsize=(8, 3), layout="constrained")

    @harmless
    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        seen = len(self._pieces)
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        if self._figure is not None and len(self._pieces) > seen:
            import matplotlib.pyplot as plt

            with plain_text():
                data = trainer.datamodule  # type: ignore[attr-defined]
                draw_frame(self._figure.axes[0], self._pieces, len(self._pieces), self.visible, data)
                plt.pause(0.05)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        super().on_fit_end(trainer, pl_module)
        self._close()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._close()

    def _close(self) -> None:
        if self._figure is not None:
            import matplotlib.pyplot as plt

            plt.close(self._figure)
            self._figure = None


def draw_frame(axes: Axes, pieces: list[Piece], end: int, visible: int, data: Any) -> None:
    """The frame after window `end`, as it looks when nothing is known of those behind it."""
    start = max(0, end - visible)
    axes.clear()
    for beside in [other for other in axes.figure.axes if other is not axes]:
        beside.remove()
    draw_stream(axes, pieces[start:end], steps_of(pieces[:start]), data)
    look_at(axes, pieces, end, visible, data)


def draw_stream(axes: Axes, pieces: list[Piece], first_step: int, data: Any) -> list[Line2D]:
    """The curves of these windows; returns those that lie a horizon ahead of the input."""
    names = [*data.input_names, data.target_names[0]]
    return plot_curves(axes, first_stream(pieces, first_step, horizon_of(data), names))


def look_at(axes: Axes, pieces: list[Piece], end: int, visible: int, data: Any) -> Text:
    """Show the last windows in sight of the first `end`; `data` is where they come from. Returns the title."""
    first_step, seen = steps_of(pieces[: max(0, end - visible)]), steps_of(pieces[:end])
    steps = pieces[0].y.shape[1]
    axes.set_xlim(first_step - 0.5, max(first_step + visible * steps, seen) + horizon_of(data) - 0.5)
    targets = torch.cat([piece.y[0] for piece in pieces])
    if targets.isfinite().any():
        low, high = (float(bound) for bound in targets[targets.isfinite()].aminmax())
        margin = 0.3 * (high - low) or 1
        axes.set_ylim(low - margin, high + margin)
    return axes.set_title(f"{data.name}: training, window {end}", loc="left", fontsize=9)


def steps_of(pieces: list[Piece]) -> int:
    """Of all these windows."""
    return sum(piece.y.shape[1] for piece in pieces)


def horizon_of(data: Any) -> int:
    """Steps from an input to its target."""
    return getattr(data, "horizon", None) or 0
