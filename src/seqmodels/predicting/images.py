"""Image files of any size and colour, as the images that a run was trained on."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from seqmodels.cli.arguments import Arguments
from seqmodels.datamodules.images.datamodule import ImageSequences
from seqmodels.predicting.pixels import border, cut, fitted, in_full_contrast, read_colour, read_grey

BATCH = 256
"""Images that are predicted together."""

BRIGHT = 127
"""A border above this grey, at most 255, is paper."""


def is_colour(data: ImageSequences) -> bool:
    """Whether a run reads photographs in colour; else what it reads is grey, light on dark."""
    return len(data.shape) == 3


def image_keys(data: ImageSequences) -> tuple[str, ...]:
    """The keys of the command that only images have; a photograph's light and dark are never exchanged."""
    return ("errors",) if is_colour(data) else ("errors", "invert")


class ImageFiles:
    """The images of a folder, or one, in batches for a module.

    Iterating gives names, x (B, T, D), and None, since all images are of one length.
    """

    def __init__(self, data: ImageSequences, given: Arguments) -> None:
        """
        Args:
            data: of the run.
            given: the arguments of the command: `input`, an image or a folder, `output`, and those of `image_keys`.

        Raises:
            ValueError, OSError: an override is not among its choices, or there is no image.
        """
        self._data = data
        self._invert = given.choice("invert", ["auto", "true", "false"])
        self._skips = given.choice("errors", ["stop", "skip"]) == "skip"
        self._inverted = self._skipped = 0
        place, output = Path(given["input"]).expanduser(), Path(given["output"]).expanduser().resolve()
        self._paths = [place]
        if place.is_dir():
            inside = sorted(path for path in place.iterdir() if path.is_file() and not path.name.startswith("."))
            self._paths = [path for path in inside if path.resolve() != output]
        if not self._paths:
            raise FileNotFoundError(f"input={given['input']} holds no files; expected images")

    def __iter__(self) -> Iterator[tuple[list[str], Tensor, None]]:
        for first in range(0, len(self._paths), BATCH):
            paths = self._paths[first : first + BATCH]
            images = {path.name: image for path in paths if (image := self._read(path)) is not None}
            if images:
                yield list(images), self._data.sequences(torch.from_numpy(np.stack(list(images.values())))), None

    def summary(self, count: int) -> str:
        """One line about all of them."""
        size = "x".join(map(str, self._data.shape[:2]))
        text = f"{count:,} images, read as {size}, "
        text += "in colour" if is_colour(self._data) else f"light on dark; {self._inverted:,} of them inverted"
        return text + (f"; {self._skipped:,} files skipped" if self._skipped else "")

    def _read(self, path: Path) -> Any:
        """(height, width) or (height, width, 3) uint8, or None for a file that is left out."""
        try:
            return self._in_colour(path) if is_colour(self._data) else self._in_grey(path)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            message = f"{path} is not an image that can be read: {error}"
            if not self._skips:
                raise ValueError(f"{message} (errors=skip leaves such files out)") from error
            self._skipped += 1
            print(f"skipped: {message}", file=sys.stderr, flush=True)
            return None

    def _in_colour(self, path: Path) -> np.ndarray:
        return cut(read_colour(path), self._data.shape)

    def _in_grey(self, path: Path) -> np.ndarray:
        grey = read_grey(path)
        inverts = self._invert == "true" or (self._invert == "auto" and border(grey) > BRIGHT)
        self._inverted += inverts
        if grey.shape == self._data.shape and not inverts:
            return grey
        return in_full_contrast(fitted(255 - grey if inverts else grey, self._data.shape))
