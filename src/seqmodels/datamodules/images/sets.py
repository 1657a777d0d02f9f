"""The image sets that torchvision knows: where their files lie, how each is checked, and what they hold.

| set | source | images |
|---|---|---|
| mnist | LeCun, Bottou, Bengio & Haffner 1998 | digits, 28x28 |
| fashion_mnist | Xiao, Rasul & Vollgraf 2017, arXiv 1708.07747 | articles of clothing, 28x28 |
| kmnist | Clanuwat et al. 2018, arXiv 1812.01718 | cursive Japanese characters, 28x28 |
| cifar10 | Krizhevsky 2009, technical report, University of Toronto | animals and vehicles, 32x32 in colour |

Ten classes each, 10,000 images for the test and 60,000 (CIFAR-10: 50,000) to train on.
"""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.datasets import CIFAR10, KMNIST, MNIST, FashionMNIST
from torchvision.datasets.utils import check_integrity

from seqmodels.datamodules.images.idx import idx_sizes, read_idx

CURE = "delete it to download it again, or point SEQMODELS_DATA at an intact copy"


@dataclass(frozen=True)
class ImageSet(ABC):
    """One of them.

    Attributes:
        name: in configs and results. title: in messages.
        source: torchvision's class, which downloads it.
        shape: (height, width) of an image, or (height, width, channels).
        class_names: what the labels 0, 1, ... mean.
    """

    name: str
    title: str
    source: Any
    shape: tuple[int, ...]
    class_names: list[str]

    @property
    @abstractmethod
    def folder(self) -> str:
        """Of its files, below the root."""

    @property
    @abstractmethod
    def files(self) -> list[str]:
        """Their names."""

    @property
    @abstractmethod
    def urls(self) -> list[str]:
        """Where it can be had."""

    @abstractmethod
    def check(self, folder: Path) -> None:
        """Look into every file.

        Raises:
            ValueError: one is corrupt; the message names it.
        """

    @abstractmethod
    def read(self, root: Path, train: bool) -> tuple[Tensor, Tensor]:
        """(N, *shape) uint8 images and (N,) int64 labels, of the training or the test part."""


@dataclass(frozen=True)
class IdxSet(ImageSet):
    """MNIST and what came in its format: four files, images and labels for training and for the test.

    Attributes:
        sha256: of the files, where they are known.
    """

    sha256: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        return f"{self.source.__name__}/raw"

    @property
    def files(self) -> list[str]:
        return [name.removesuffix(".gz") for name, _ in self.source.resources]

    @property
    def urls(self) -> list[str]:
        return list(self.source.mirrors)

    def check(self, folder: Path) -> None:
        for name, expected in self.sha256.items():
            _check_sha256(folder / name, expected)
        for part in ("train", "t10k"):
            images, labels = folder / f"{part}-images-idx3-ubyte", folder / f"{part}-labels-idx1-ubyte"
            (count, *shape), (labelled,) = idx_sizes(images, 3), idx_sizes(labels, 1)
            if tuple(shape) != self.shape:
                size, own = ("x".join(map(str, sizes)) for sizes in (shape, self.shape))
                raise ValueError(f"{images} holds images of {size}, {self.title}'s are {own}; {CURE}")
            if count != labelled:
                raise ValueError(f"{labels} holds {labelled:,} labels for the {count:,} images beside it; {CURE}")
            if (read_idx(labels, 1) >= len(self.class_names)).any():
                raise ValueError(f"{labels} holds labels above {len(self.class_names) - 1}; {CURE}")

    def read(self, root: Path, train: bool) -> tuple[Tensor, Tensor]:
        part = root / self.folder / ("train" if train else "t10k")
        images, labels = read_idx(Path(f"{part}-images-idx3-ubyte"), 3), read_idx(Path(f"{part}-labels-idx1-ubyte"), 1)
        return images, labels.long()


@dataclass(frozen=True)
class CIFARSet(ImageSet):
    """CIFAR-10: pickled batches, whose MD5 torchvision knows and checks before it opens them."""

    @property
    def folder(self) -> str:
        return self.source.base_folder

    @property
    def files(self) -> list[str]:
        return list(self._md5)

    @property
    def urls(self) -> list[str]:
        return [self.source.url]

    @property
    def _md5(self) -> dict[str, str]:
        meta = self.source.meta
        return dict(self.source.train_list + self.source.test_list) | {meta["filename"]: meta["md5"]}

    def check(self, folder: Path) -> None:
        for name, expected in self._md5.items():
            path = folder / name
            if not check_integrity(path, expected):
                raise ValueError(
                    f"{path} is corrupt or truncated: {path.stat().st_size:,} bytes, whose MD5 is not "
                    f"{expected[:16]}…; {CURE}"
                )

    def read(self, root: Path, train: bool) -> tuple[Tensor, Tensor]:
        images = self.source(root, train=train)
        return torch.from_numpy(np.ascontiguousarray(images.data)), torch.tensor(images.targets)


def _check_sha256(path: Path, expected: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise ValueError(
            f"{path} is corrupt or truncated: {path.stat().st_size:,} bytes with SHA-256 {found[:16]}…, "
            f"expected {expected[:16]}…; {CURE}"
        )


DIGITS = [str(digit) for digit in range(10)]

MNIST_SHA256 = {  # of the unpacked files; torchvision knows the MD5 of the archives
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}

OBJECTS = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]

SETS: dict[str, ImageSet] = {
    images.name: images
    for images in (
        IdxSet("mnist", "MNIST", MNIST, (28, 28), DIGITS, MNIST_SHA256),
        IdxSet("fashion_mnist", "Fashion-MNIST", FashionMNIST, (28, 28), FashionMNIST.classes),
        IdxSet("kmnist", "KMNIST", KMNIST, (28, 28), KMNIST.classes),
        CIFARSet("cifar10", "CIFAR-10", CIFAR10, (32, 32, 3), OBJECTS),
    )
}
