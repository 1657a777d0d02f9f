"""A figure's way out: a PNG in the run's folder and an image in TensorBoard."""

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
from lightning.pytorch.loggers import TensorBoardLogger
from matplotlib.figure import Figure
from PIL import Image
from torch import distributed


def gathered(mine: Any) -> list[Any]:
    """What every process has, by rank. Each of them must call it, so it stands in no hook that is left on an error."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return [mine]
    everyone: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(everyone, mine)
    return everyone


def publish(trainer: pl.Trainer, name: str, figure: Figure) -> Path:
    """Save a figure as `figures/<name>.png` and show it in TensorBoard at the present step.

    The figure is matplotlib's own object, made without pyplot: no window, no global state.
    """
    path = Path(trainer.default_root_dir) / "figures" / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    pixels = np.asarray(Image.open(path).convert("RGB"))
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_image(f"figures/{name}", pixels, trainer.global_step, dataformats="HWC")
    return path
