"""Small image sets on disk, in the formats of the real ones: a class is a colour, or a bright row, with some noise."""

import hashlib
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torchvision.datasets import CIFAR10

from seqmodels.datamodules.images.sets import SETS


def idx(array: np.ndarray) -> bytes:
    """A uint8 array as the contents of an idx file."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_idx(root: Path, dataset: str = "fashion_mnist", train: int = 60, test: int = 20) -> Path:
    """The four files of a set in MNIST's format; returns their folder."""
    folder = root / SETS[dataset].folder
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for part, count in (("train", train), ("t10k", test)):
        labels = (np.arange(count) % 10).astype(np.uint8)
        images = random.integers(0, 60, (count, 28, 28), dtype=np.uint8)
        images[np.arange(count), 4 + 2 * labels] = 255
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(images))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))
    return folder


def photographs(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(N, 32, 32, 3) images and labels: every class has a colour of its own, brighter towards the right."""
    random = np.random.default_rng(seed)
    colours = np.random.default_rng(1).integers(40, 200, (10, 3))
    labels = np.arange(count) % 10
    brighter = np.linspace(-30, 30, 32)[None, None, :, None]
    images = colours[labels][:, None, None] + brighter + random.normal(0, 5, (count, 32, 32, 3))
    return images.round().astype(np.uint8), labels


def write_cifar10(root: Path, patch: pytest.MonkeyPatch, batch: int = 20) -> Path:
    """Six batches and the names, and torchvision told the MD5 of these instead of the real ones; returns the folder."""
    folder = root / CIFAR10.base_folder
    folder.mkdir(parents=True)

    def write(name: str, contents: dict[str, Any]) -> str:
        (folder / name).write_bytes(pickle.dumps(contents, protocol=2))
        return hashlib.md5((folder / name).read_bytes()).hexdigest()

    def write_batch(name: str, seed: int) -> list[str]:
        images, labels = photographs(batch, seed)
        planes = images.transpose(0, 3, 1, 2).reshape(batch, -1)  # red, then green, then blue
        return [name, write(name, {"batch_label": name, "labels": labels.tolist(), "data": planes})]

    patch.setattr(CIFAR10, "train_list", [write_batch(f"data_batch_{n}", n) for n in range(1, 6)])
    patch.setattr(CIFAR10, "test_list", [write_batch("test_batch", 0)])
    md5 = write("batches.meta", {"label_names": SETS["cifar10"].class_names, "num_vis": 3072})
    patch.setattr(CIFAR10, "meta", CIFAR10.meta | {"md5": md5})
    return folder
