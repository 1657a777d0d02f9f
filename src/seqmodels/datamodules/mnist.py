"""MNIST (LeCun, Cortes & Burges 1998) as sequences, through torchvision's dataset.

Where the files come from: `root`, else the environment variable SEQMODELS_DATA, else the user's cache folder; found
there in torchvision's layout (root/MNIST/raw/*-ubyte) nothing is downloaded. Where they cannot be had, scikit-learn's
digits stand in, and the run says so wherever it speaks of its data.
"""

import os
from pathlib import Path
from typing import Any, Literal

import platformdirs
import torch
from torchvision.datasets import MNIST

from seqmodels.datamodules.digits import read_digits
from seqmodels.datamodules.images import Images, ImageSequences
from seqmodels.datamodules.mnist_files import Unavailable, ensure_files


def default_root() -> Path:
    """SEQMODELS_DATA, else the user's cache folder."""
    return Path(os.environ.get("SEQMODELS_DATA") or platformdirs.user_cache_path("seqmodels"))


class MNISTSequence(ImageSequences):
    """MNIST, 60,000 + 10,000 images of 28x28; further arguments as in `ImageSequences`.

    Attributes:
        notice: why the data is not what was asked for, or None.
    """

    def __init__(self, root: str | None = None, fallback: Literal["digits"] | None = "digits", **images: Any) -> None:
        """
        Args:
            root: the folder that holds MNIST/raw, or where to put it; null means `default_root`.
            fallback: `digits` goes on with scikit-learn's digits, resized to 28x28, when MNIST is neither in `root`
                nor to be downloaded within seconds; null stops with the reason.
        """
        super().__init__(shape=(28, 28), class_names=[str(digit) for digit in range(10)], **images)
        self.name = "mnist"
        self.root = Path(root).expanduser() if root else default_root()
        self.fallback = fallback
        self._ready = False

    def prepare_data(self) -> None:
        """Find or download the files and check them, once; decides about the fallback.

        Raises:
            ValueError: a file is corrupt.
            ConnectionError: no files, no download, and no fallback.
        """
        if self._ready:
            return
        try:
            ensure_files(self.root)
        except Unavailable as reason:
            if self.fallback is None:
                raise ConnectionError(
                    f"MNIST is not in {self.root} and could not be downloaded: {reason}. {_REMEDY}"
                ) from reason
            self._fall_back(reason)
        self._ready = True

    def _fall_back(self, reason: Exception) -> None:
        self.name = "digits (instead of mnist)"
        self.notice = (
            f"NOT MNIST: it is not in {self.root} and could not be downloaded ({reason}).\n"
            f"This run uses scikit-learn's 1,797 digits of 8x8, resized to 28x28; its numbers are not MNIST's.\n"
            f"{_REMEDY}"
        )
        digits = len(read_digits(train=True)[0])
        self.val_size = round(self.val_size * digits / 60_000)
        self.eval_batch_size = min(self.eval_batch_size, digits)

    def load(self, train: bool) -> Images:
        if self.name == "mnist":
            mnist = MNIST(self.root, train=train)
            return mnist.data, mnist.targets
        images, labels = read_digits(train)
        resized = torch.nn.functional.interpolate(images[:, None].float(), size=self.shape, mode="bilinear")
        return resized[:, 0].round().to(torch.uint8), labels


_REMEDY = (
    "To supply MNIST, put its four files in FOLDER/MNIST/raw and set SEQMODELS_DATA=FOLDER "
    "or datamodule.root=FOLDER; datamodule.fallback=null stops instead."
)
