"""scikit-learn's bundled handwritten digits: 1,797 real images of 8x8, no download.

Alpaydin & Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998 (the test part).
"""

from dataclasses import dataclass
from pathlib import Path

import torch

from seqmodels.datamodules.images.image_set import Images, ImageSet

DIGITS = [str(digit) for digit in range(10)]


@dataclass(frozen=True)
class BundledDigits(ImageSet):
    """The digits as an image set; the root is not looked at."""

    def read(self, root: Path, train: bool) -> Images:
        return read_digits(train)


def read_digits(train: bool) -> Images:
    """(N, 8, 8) uint8 images, 0..255, and labels; every fifth image, N = 360, is for the test."""
    from sklearn.datasets import load_digits  # here, since it takes a second that MNIST runs need not spend

    digits = load_digits()
    images = torch.from_numpy(digits.images * (255 / 16)).round().to(torch.uint8)
    labels = torch.from_numpy(digits.target).long()
    test = torch.arange(len(labels)) % 5 == 0
    part = ~test if train else test
    return images[part], labels[part]


def resized_digits(train: bool, shape: tuple[int, ...]) -> Images:
    """The same as images of (height, width) `shape`, to stand in for others."""
    images, labels = read_digits(train)
    resized = torch.nn.functional.interpolate(images[:, None].float(), size=shape, mode="bilinear")
    return resized[:, 0].round().to(torch.uint8), labels
