"""Image files of any size and colour, as the images that a run was trained on."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from seqmodels.cli.arguments import Arguments
from seqmodels.datamodules.images.datamodule import ImageSequences
from seqmodels.system.terminal import say
from seqmodels.system.untrusted import open_regular

BATCH = 256
"""Images that are predicted together."""

BRIGHT = 127
"""A border above this grey, at most 255, is paper."""

FAINT = 32
"""Less contrast than this is taken for an empty sheet, whose noise is nothing to bring out."""


def is_colour(data: ImageSequences) -> bool:
    """Whether a run reads photographs in colour; else what it reads is grey, light on dark."""
    return len(data.shape) == 3


def image_keys(data: ImageSequences) -> tuple[str, ...]:
    """The keys of the command that only images have; a photograph's light and dark are never exchanged."""
    return ("errors",) if is_colour(data) else ("errors", "invert")


class ImageFiles:
    """The images of a folder, or one, in batches for a module.

    Iterating gives names, x (B, T, D), and nothing else to be told, since all images are of one length.
    """

    def __init__(self, data: ImageSequences, given: Arguments) -> None:
        """
        Args:
            data: of the run.
            given: the arguments of `predict`, of which `input` is an image or a folder.

        Raises:
            FileNotFoundError: there is no image.
        """
        self._data, self._invert, self._skips = data, given["invert"], given["errors"] == "skip"
        self._inverted = self._skipped = 0
        place, output = Path(given["input"]).expanduser(), Path(given["output"]).expanduser().resolve()
        self._paths = [place]
        if place.is_dir():
            inside = sorted(path for path in place.iterdir() if path.is_file() and not path.name.startswith("."))
            self._paths = [path for path in inside if path.resolve() != output]
        if not self._paths:
            raise FileNotFoundError(f"input={given['input']} holds no files; expected images")

    def __iter__(self) -> Iterator[tuple[list[str], Tensor, dict[str, Tensor]]]:
        for first in range(0, len(self._paths), BATCH):
            paths = self._paths[first : first + BATCH]
            images = {path.name: image for path in paths if (image := self._read(path)) is not None}
            if images:
                yield list(images), self._data.sequences(torch.from_numpy(np.stack(list(images.values())))), {}

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
            say(f"skipped: {message}", file=sys.stderr)
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


def read_grey(path: Path) -> np.ndarray:
    """(height, width) uint8 as the image is looked at: turned as the camera says, what is transparent on white.

    Raises:
        OSError, ValueError, SyntaxError: it cannot be read.
    """
    return np.array(_opened(path).convert("L"))


def read_colour(path: Path) -> np.ndarray:
    """(height, width, 3) uint8, red, green and blue; otherwise as `read_grey`."""
    return np.array(_opened(path).convert("RGB"))


def _opened(path: Path) -> Image.Image:
    with open_regular(path) as file, Image.open(file) as opened:
        image: Image.Image = ImageOps.exif_transpose(opened)
    if image.mode == "F":
        raise ValueError("its pixels are floating point numbers, of which nothing says how bright they are")
    if image.mode.startswith("I"):  # 16 bits, which Pillow would cut off at 255
        return Image.fromarray((np.asarray(image, np.float64) / 257).round().clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image


def border(grey: np.ndarray) -> int:
    """The median of the outermost pixels of a (height, width) image."""
    return int(np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])))


def fitted(grey: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The image at (height, width) `shape`, antialiased; at the sides that stay free it is filled as its border."""
    if grey.shape == shape:
        return grey
    height, width = shape
    image = Image.fromarray(grey)
    return np.array(ImageOps.pad(image, (width, height), Image.Resampling.BILINEAR, color=border(grey)))


def cut(colour: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The middle of an image at (height, width, 3) `shape`, as much of it as has those proportions; antialiased."""
    if colour.shape == shape:
        return colour
    height, width, _ = shape
    return np.array(ImageOps.fit(Image.fromarray(colour), (width, height), Image.Resampling.BILINEAR))


def in_full_contrast(grey: np.ndarray) -> np.ndarray:
    """The border at 0 and the brightest pixel at 255, since paper is not white in a photograph and ink not black."""
    dark, bright = border(grey), int(grey.max())
    if bright - dark < FAINT:
        return grey
    return ((grey.astype(np.float64) - dark) / (bright - dark) * 255).round().clip(0, 255).astype(np.uint8)
