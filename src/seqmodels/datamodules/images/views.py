"""How an image is read as a sequence, and in which order its pixels come.

                      rows              columns           pixels
    image  a b c      t=0: a b c        t=0: a d g        t=0: a
           d e f      t=1: d e f        t=1: b e h        t=1: b
           g h i      t=2: g h i        t=2: c f i        ...    t=8: i

A pixel in colour is C values that stay together: rows of 32 pixels in red, green and blue are steps of 96, and with
`pixels` a step is one pixel of 3.

A permutation reorders the pixels of the image before it is read (with `pixels`: permuted sequential MNIST,
Le, Jaitly & Hinton 2015). Published figures use different permutations, so each has a name and a hash.
"""

import hashlib
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from torch import Tensor

View = Literal["rows", "columns", "pixels"]

Permutation = Literal["bit_reversal", "random"]


@dataclass(frozen=True, eq=False)
class PixelOrder:
    """A fixed order of the pixels: step i shows pixel `index[i]` of the flattened image."""

    name: str
    index: Tensor

    @lru_cache  # noqa: B019, one order lives as long as the run
    def on(self, device: torch.device) -> Tensor:
        """The index on a device, copied there once."""
        return self.index.to(device)

    @property
    def sha256(self) -> str:
        """Tells two orders apart: SHA-256 of the indices as little-endian int64, first 16 hex digits."""
        return hashlib.sha256(self.index.numpy().astype("<i8").tobytes()).hexdigest()[:16]


def pixel_order(permutation: Permutation, pixels: int, seed: int) -> PixelOrder:
    """The order that a name stands for.

    Args:
        permutation: `bit_reversal` writes each index in binary and reads it backwards, over the next power of two,
            leaving out what is beyond the image. `random` is NumPy's RandomState(seed).permutation, the same on
            every machine; the literature often uses seed 92916.
        pixels: how many an image has.
        seed: for `random`.
    """
    if permutation == "bit_reversal":
        bits = (pixels - 1).bit_length()
        backwards = (int(f"{i:0{bits}b}"[::-1], 2) for i in range(2**bits))
        return PixelOrder("bit_reversal", torch.tensor([i for i in backwards if i < pixels]))
    index = np.random.RandomState(seed).permutation(pixels)
    return PixelOrder(f"random-{seed}", torch.from_numpy(index).long())


def steps_and_width(view: View, shape: tuple[int, ...]) -> tuple[int, int]:
    """(T, D) of a (height, width) or (height, width, channels) image under this view."""
    height, width, *channels = shape
    depth = math.prod(channels)
    steps = {"rows": height, "columns": width, "pixels": height * width}[view]
    return steps, height * width * depth // steps


def as_sequence(images: Tensor, view: View, order: PixelOrder | None = None) -> Tensor:
    """Images to (B, T, D) sequences of the same dtype; `order` permutes the pixels first.

    Args:
        images: (B, height, width) or (B, height, width, channels).
    """
    if order is not None:
        images = images.flatten(1, 2)[:, order.on(images.device)].view_as(images)
    if view == "pixels":
        pixels = images.flatten(1, 2)
        return pixels if pixels.dim() == 3 else pixels.unsqueeze(-1)
    return (images.transpose(1, 2) if view == "columns" else images).flatten(2)


def as_images(x: Tensor, view: View, shape: tuple[int, ...], order: PixelOrder | None = None) -> Tensor:
    """What `as_sequence` made, (B, T, D), back as (B, *shape)."""
    height, width, *channels = shape
    upright = view != "columns"
    images = x.reshape(-1, *shape) if upright else x.reshape(-1, width, height, *channels).transpose(1, 2)
    if order is not None:
        images = images.flatten(1, 2)[:, order.on(x.device).argsort()].view_as(images)
    return images


def random_shift(images: Tensor, pixels: int) -> Tensor:
    """Each image of the batch moved by its own random -pixels..pixels in both directions.

    What moves in from outside is 0. Draws from torch's global generator of the images' device.

    Args:
        images: (B, height, width) or (B, height, width, channels).
    """
    count, height, width, *channels = images.shape
    padded = torch.nn.functional.pad(images, (0, 0) * len(channels) + (pixels,) * 4)
    offset = torch.randint(0, 2 * pixels + 1, (2, count, 1), device=images.device)
    rows = offset[0] + torch.arange(height, device=images.device)
    columns = offset[1] + torch.arange(width, device=images.device)
    which = torch.arange(count, device=images.device)
    return padded[which[:, None, None], rows[:, :, None], columns[:, None, :]]
