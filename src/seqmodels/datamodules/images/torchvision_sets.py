"""Torchvision's image sets as sequences: MNIST, Fashion-MNIST, KMNIST and CIFAR-10; `image_sets.py` says what they are.

Where the files come from: `root`, else the environment variable SEQMODELS_DATA, else the user's cache folder; found
there in torchvision's layout (MNIST/raw/*-ubyte, cifar-10-batches-py/*) nothing is downloaded.
"""

from pathlib import Path
from typing import Any, Literal

from seqmodels.datamodules.images.base import Images, ImageSequences
from seqmodels.datamodules.images.files import default_root, ensure_files
from seqmodels.datamodules.images.sets import SETS

ImageSetName = Literal["mnist", "fashion_mnist", "kmnist", "cifar10"]


class TorchvisionSequence(ImageSequences):
    """One of the sets, chosen by its name; further arguments as in `ImageSequences`."""

    def __init__(self, dataset: ImageSetName = "mnist", root: str | None = None, **images: Any) -> None:
        """
        Args:
            dataset: which of them.
            root: the folder that holds the set's own folder, or where to put it; null means `default_root`.

        Raises:
            ValueError: an argument is outside its range.
        """
        if dataset not in SETS:
            raise ValueError(f"dataset={dataset!r} is not known; choose {', '.join(SETS)}")
        self.set = SETS[dataset]
        super().__init__(self.set.shape, self.set.class_names, **images)
        self.name = dataset
        self.root = Path(root).expanduser() if root else default_root()
        self._ready = False

    def prepare_data(self) -> None:
        """Find or download the files and check them, once.

        Raises:
            ValueError: a file is corrupt.
            ConnectionError: there are no files and they cannot be downloaded within seconds.
        """
        if not self._ready:
            ensure_files(self.set, self.root)
            self._ready = True

    def load(self, train: bool) -> Images:
        return self.set.read(self.root, train)
