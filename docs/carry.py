"""Draw docs/carry.png: what the carried state is worth.

python docs/carry.py
"""

import tempfile
from pathlib import Path

import torch
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from seqmodels.callbacks.figures.stream import Piece, plot_pieces
from seqmodels.runs.run import build, compose

SHOWN = 5  # windows


def main() -> None:
    """Train `sine_stream` twice, carried and dropped, and read the same held-out streams with both."""
    figure = Figure(figsize=(10, 5.6), layout="constrained")
    carried_axes, dropped_axes = figure.subplots(2, 2, width_ratios=[5, 2])
    for (over_time, by_step), carry, title in (
        (carried_axes, True, "state carried"),
        (dropped_axes, False, "state dropped at every window"),
    ):
        overrides = [
            "+experiment=sine_stream",
            f"module.carry={str(carry).lower()}",
            "callbacks=none",
            "logger=none",
            "trainer=cpu",
        ]
        with tempfile.TemporaryDirectory() as folder:
            parts = build(compose([*overrides, "threads=1", "trainer.enable_progress_bar=false"]), Path(folder))
            parts.trainer.fit(parts.module, datamodule=parts.datamodule)
            r2 = float(parts.trainer.callback_metrics["val/r2"])
            windows = list(parts.datamodule.test_dataloader()[0])
            predictions = parts.trainer.predict(parts.module, datamodule=parts.datamodule)
        stream = 1
        pieces = [Piece(w.x[stream], w.y[stream], p[stream]) for w, p in zip(windows, predictions, strict=True)]
        plot_pieces(over_time, pieces[-SHOWN:], len(pieces) - SHOWN)
        over_time.set_title(f"{title}: validation R² {r2:.3f}")
        over_time.set_ylim(-1.4, 1.9)
        error = torch.stack([(p - w.y).square().mean((0, 2)) for w, p in zip(windows, predictions, strict=True)]).mean(
            0
        )
        by_step.bar(range(1, len(error) + 1), error, color="tab:blue")
        by_step.set_ylim(0, 0.55)
        by_step.set_title("mean squared error by step in the window", fontsize=9)
        by_step.xaxis.set_major_locator(MaxNLocator(integer=True))
        print(f"{title}: R2 {r2:.4f}")
    figure.savefig(Path(__file__).with_name("carry.png"), dpi=90)


if __name__ == "__main__":
    main()
