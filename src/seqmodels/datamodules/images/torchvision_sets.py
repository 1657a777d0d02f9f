"""Image sets that torchvision downloads: MNIST and those in its format, and CIFAR-10."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from seqmodels.datamodules.images.idx import idx_sizes, read_idx
from seqmodels.datamodules.images.image_set import Images, ImageSet

CURE = "delete it to download it again, or point SEQMODELS_DATA at an intact copy"


@dataclass(frozen=True)
class IdxSet(ImageSet):
    """MNIST and what came in its format: four files, images and labels for training and for the test.

    Attributes:
        sha256: of the files, where they are known.
    """

    sha256: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        return f"{self.source}/raw"

    @property
    def files(self) -> list[str]:
        kinds = ("images-idx3-ubyte", "labels-idx1-ubyte")
        return [f"{part}-{kind}" for part in ("train", "t10k") for kind in kinds]

    @property
    def urls(self) -> list[str]:
        return list(self.source_class.mirrors)

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

    def read(self, root: Path, train: bool) -> Images:
        part = root / self.folder / ("train" if train else "t10k")
        images, labels = read_idx(Path(f"{part}-images-idx3-ubyte"), 3), read_idx(Path(f"{part}-labels-idx1-ubyte"), 1)
        return images, labels.long()


@dataclass(frozen=True)
class CIFARSet(ImageSet):
    """CIFAR-10: pickled batches, whose MD5 torchvision knows and checks before it opens them."""

    @property
    def folder(self) -> str:
        return self.source_class.base_folder

    @property
    def files(self) -> list[str]:
        return list(self._md5)

    @property
    def urls(self) -> list[str]:
        return [self.source_class.url]

    @property
    def _md5(self) -> dict[str, str]:
        meta = self.source_class.meta
        return dict(self.source_class.train_list + self.source_class.test_list) | {meta["filename"]: meta["md5"]}

    def check(self, folder: Path) -> None:
        from torchvision.datasets.utils import check_integrity

        for name, expected in self._md5.items():
            path = folder / name
            if not check_integrity(path, expected):
                raise ValueError(
                    f"{path} is corrupt or truncated: {path.stat().st_size:,} bytes, whose MD5 is not "
                    f"{expected[:16]}…; {CURE}"
                )

    def read(self, root: Path, train: bool) -> Images:
        images = self.source_class(root, train=train)
        return torch.from_numpy(np.ascontiguousarray(images.data)), torch.tensor(images.targets)


def _check_sha256(path: Path, expected: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise ValueError(
            f"{path} is corrupt or truncated: {path.stat().st_size:,} bytes with SHA-256 {found[:16]}…, "
            f"expected {expected[:16]}…; {CURE}"
        )
