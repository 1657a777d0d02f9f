"""Image files of any size and colour, as the images that a run was trained on."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from seqmodels import words
from seqmodels.datamodules.images import ImageSequences

BATCH = 256
"""Images that are predicted together."""

BRIGHT = 127
"""A border above this grey, at most 255, is paper."""

FAINT = 32
"""Less contrast than this is taken for an empty sheet, whose noise is nothing to bring out."""


class ImageFiles:
    """The images of a folder, or one, in batches for a module.

    Iterating gives names, x (B, T, D), and None, since all images are of one length.
    """

    def __init__(self, data: ImageSequences, own: dict[str, str]) -> None:
        """
        Args:
            data: of the run.
            own: the words of the command: `input`, an image or a folder; `invert` and `errors`.

        Raises:
            ValueError, OSError: a word is not among its choices, or there is no image.
        """
        self._data = data
        self._invert = words.choice(own, "invert", ["auto", "true", "false"])
        self._skips = words.choice(own, "errors", ["stop", "skip"]) == "skip"
        self._inverted = self._skipped = 0
        place, output = Path(own["input"]).expanduser(), Path(own["output"]).expanduser().resolve()
        self._paths = [place]
        if place.is_dir():
            inside = sorted(path for path in place.iterdir() if path.is_file() and not path.name.startswith("."))
            self._paths = [path for path in inside if path.resolve() != output]
        if not self._paths:
            raise FileNotFoundError(f"input={own['input']} holds no files; expected images")

    def __iter__(self) -> Iterator[tuple[list[str], Tensor, None]]:
        for first in range(0, len(self._paths), BATCH):
            paths = self._paths[first : first + BATCH]
            images = {path.name: image for path in paths if (image := self._read(path)) is not None}
            if images:
                yield list(images), self._data.sequences(torch.from_numpy(np.stack(list(images.values())))), None

    def summary(self, count: int) -> str:
        """One line about all of them."""
        size = "x".join(map(str, self._data.shape))
        text = f"{count:,} images, read as {size}, light on dark; {self._inverted:,} of them inverted"
        return text + (f"; {self._skipped:,} files skipped" if self._skipped else "")

    def _read(self, path: Path) -> Any:
        """(height, width) uint8, or None for a file that is left out."""
        try:
            grey = read_grey(path)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            message = f"{path} is not an image that can be read: {error}"
            if not self._skips:
                raise ValueError(f"{message} (errors=skip leaves such files out)") from error
            self._skipped += 1
            print(f"skipped: {message}", file=sys.stderr, flush=True)
            return None
        inverts = self._invert == "true" or (self._invert == "auto" and border(grey) > BRIGHT)
        self._inverted += inverts
        if grey.shape == self._data.shape and not inverts:
            return grey
        return in_full_contrast(fitted(255 - grey if inverts else grey, self._data.shape))


def read_grey(path: Path) -> np.ndarray:
    """(height, width) uint8 as the image is looked at: turned as the camera says, what is transparent on white.

    Raises:
        OSError, ValueError, SyntaxError: it cannot be read.
    """
    with Image.open(path) as opened:
        image: Image.Image = ImageOps.exif_transpose(opened)
    if image.mode == "F":
        raise ValueError("its pixels are floating point numbers, of which nothing says how bright they are")
    if image.mode.startswith("I"):  # 16 bits, which Pillow would cut off at 255
        return (np.asarray(image, np.float64) / 257).round().clip(0, 255).astype(np.uint8)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.array(image.convert("L"))


def border(grey: np.ndarray) -> int:
    """The median of the outermost pixels of a (height, width) image."""
    return int(np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])))


def fitted(grey: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The image at (height, width) `shape`, antialiased; at the sides that stay free it is filled as its border."""
    if grey.shape == shape:
        return grey
    image = Image.fromarray(grey)
    return np.array(ImageOps.pad(image, shape[::-1], Image.Resampling.BILINEAR, color=border(grey)))


def in_full_contrast(grey: np.ndarray) -> np.ndarray:
    """The border at 0 and the brightest pixel at 255, since paper is not white in a photograph and ink not black."""
    dark, bright = border(grey), int(grey.max())
    if bright - dark < FAINT:
        return grey
    return ((grey.astype(np.float64) - dark) / (bright - dark) * 255).round().clip(0, 255).astype(np.uint8)
