"""scikit-learn's bundled handwritten digits: 1,797 real images of 8x8, no download.

Alpaydin & Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998 (the test
part); read as 8 steps of 8.
"""

from typing import Any

import torch

from seqmodels.datamodules.images.base import Images, ImageSequences

TEST_SIZE = 360  # every fifth image


def read_digits(train: bool) -> Images:
    """(N, 8, 8) uint8 images, 0..255, and labels; every fifth image, N = 360, is for the test."""
    from sklearn.datasets import load_digits  # here, since it takes a second that MNIST runs need not spend

    digits = load_digits()
    images = torch.from_numpy(digits.images * (255 / 16)).round().to(torch.uint8)
    labels = torch.from_numpy(digits.target).long()
    test = torch.arange(len(labels)) % 5 == 0
    part = ~test if train else test
    return images[part], labels[part]


class DigitsSequence(ImageSequences):
    """The digits as sequences; further arguments as in `ImageSequences`."""

    name = "digits"

    def __init__(self, val_size: int = 180, **images: Any) -> None:
        super().__init__(shape=(8, 8), class_names=[str(digit) for digit in range(10)], val_size=val_size, **images)

    def load(self, train: bool) -> Images:
        return read_digits(train)
