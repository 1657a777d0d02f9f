"""MNIST as sequences, and what stands in for it: where it cannot be had, a run goes on with scikit-learn's digits and
says so wherever it speaks of its data."""

from typing import Any, Literal

import torch

from seqmodels.datamodules.images.base import Images
from seqmodels.datamodules.images.digits import read_digits
from seqmodels.datamodules.images.files import Unavailable
from seqmodels.datamodules.images.torchvision_sets import TorchvisionSequence


class MNISTSequence(TorchvisionSequence):
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
        super().__init__("mnist", root, **images)
        self.fallback = fallback

    def prepare_data(self) -> None:
        """Find or download the files and check them, once; decides about the fallback.

        Raises:
            ValueError: a file is corrupt.
            ConnectionError: no files, no download, and no fallback.
        """
        try:
            super().prepare_data()
        except Unavailable as reason:
            if self.fallback is None:
                raise
            self._fall_back(reason)

    def _fall_back(self, reason: Unavailable) -> None:
        self.name = "digits (instead of mnist)"
        self.notice = (
            f"NOT MNIST: this run uses scikit-learn's 1,797 digits of 8x8, resized to 28x28; its numbers are not "
            f"MNIST's.\n{reason}; datamodule.fallback=null stops instead."
        )
        digits = len(read_digits(train=True)[0])
        self.val_size = round(self.val_size * digits / 60_000)
        self.eval_batch_size = min(self.eval_batch_size, digits)
        self._ready = True

    def load(self, train: bool) -> Images:
        if self.notice is None:
            return super().load(train)
        images, labels = read_digits(train)
        resized = torch.nn.functional.interpolate(images[:, None].float(), size=self.shape, mode="bilinear")
        return resized[:, 0].round().to(torch.uint8), labels
