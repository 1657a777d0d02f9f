"""Where a run keeps its checkpoints: RUN/checkpoints/last.ckpt, previous.ckpt and best.ckpt."""

from pathlib import Path
from typing import Literal

FOLDER = "checkpoints"


def place_of(folder: Path, name: Literal["last", "previous", "best"]) -> Path:
    """The file, there or not, of a run's checkpoint: the last one, the one before it, or the best by `monitor`."""
    return folder / FOLDER / f"{name}.ckpt"
