"""What an image in a file shows, as grey or coloured pixels, and how it is brought into the form of the training's."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

FAINT = 32
"""Less contrast than this is taken for an empty sheet, whose noise is nothing to bring out."""


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
    with Image.open(path) as opened:
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
