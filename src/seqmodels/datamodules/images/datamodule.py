"""Images as sequences, grey or in colour; `sets.py` says which sets there are.

Where the files come from: `root`, else the environment variable SEQMODELS_DATA, else the user's cache folder; found
there in torchvision's layout (MNIST/raw/*-ubyte, cifar-10-batches-py/*) nothing is downloaded.

The images lie on the device as uint8 (with workers: in memory, and travel there as uint8); a batch of them becomes
sequences of floats in [0, 1], (B, T, D), with labels (B,).
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from seqmodels.config.ranges import at_least, between, one_of
from seqmodels.datamodules.base import Stats
from seqmodels.datamodules.images.digits import read_digits, resized_digits
from seqmodels.datamodules.images.files import Unavailable, default_root, ensure_files
from seqmodels.datamodules.images.image_set import Images
from seqmodels.datamodules.images.sets import SETS, ImageSetName
from seqmodels.datamodules.images.views import (
    Permutation,
    PixelOrder,
    View,
    as_images,
    as_sequence,
    pixel_order,
    random_shift,
    steps_and_width,
)
from seqmodels.datamodules.loaders import TensorRows
from seqmodels.datamodules.majority import majority
from seqmodels.datamodules.samples import SampleData


class ImageSequences(SampleData):
    """Labelled images, each read as one sequence.

    Attributes:
        set: what the images are.
        input_stats: mean and standard deviation of the training pixels, in colour those of each of the D columns; None
            when not normalised. The module applies them.
    """

    task = "classification"

    def __init__(
        self,
        dataset: ImageSetName = "mnist",
        root: str | None = None,
        fallback: Literal["digits"] | None = None,
        view: View = "rows",
        permutation: Permutation | None = None,
        permutation_seed: int = 92916,
        normalize: bool = False,
        shift: int = 0,
        val_size: int = 5000,
        split_seed: int = 0,
        **options: Any,
    ) -> None:
        """
        Args:
            dataset: which set.
            root: the folder that holds the set's own folder, or where to put it; null means `default_root`.
            fallback: `digits` goes on with scikit-learn's digits, resized to 28x28, when MNIST is neither in `root` nor
                to be downloaded within seconds, and says so; null stops with the reason.
            view: rows (T = height, D = width * channels), columns, or pixels (T = height * width, D = channels).
            permutation: null, bit_reversal or random: a fixed order of the pixels.
            permutation_seed: for `random`.
            normalize: the module subtracts the training pixels' mean and divides by their standard deviation, in colour
                those of each channel.
            shift: augmentation; each training image moves by up to this many pixels.
            val_size: images taken from the training set for validation, 0 for none.
            split_seed: which ones.
            options: as in `SampleData`.

        Raises:
            ValueError: an argument is outside its range.
        """
        super().__init__(**options)
        one_of(ImageSetName, dataset=dataset)
        one_of(("digits", None), fallback=fallback)
        one_of(View, view=view)
        one_of((*get_args(Permutation), None), permutation=permutation)
        at_least(0, val_size=val_size, shift=shift)
        self.set, self.name, self.shape = SETS[dataset], dataset, SETS[dataset].shape
        if fallback and dataset != "mnist":
            raise ValueError(
                f"fallback={fallback} can stand in for mnist alone, not for {dataset}; give datamodule.fallback=null"
            )
        self.root, self.fallback = Path(root).expanduser() if root else default_root(), fallback
        self.view: View = view
        self.steps, self.input_size = steps_and_width(view, self.shape)
        self.class_names, self.output_size = self.set.class_names, len(self.set.class_names)
        between(0, 2**63 - 1, permutation_seed=permutation_seed, split_seed=split_seed)
        height, width, *_ = self.shape
        if shift >= min(height, width):
            raise ValueError(
                f"shift={shift} moves images of {height}x{width} out of sight; give less than {min(height, width)}"
            )
        self.order: PixelOrder | None = None
        if permutation is not None:
            self.order = pixel_order(permutation, height * width, permutation_seed)
        self.normalize, self.shift = normalize, shift
        self.val_size, self.split_seed = val_size, split_seed
        self._ready = False

    def prepare_data(self) -> None:
        """Find or download the files and check them, once; decides about the fallback.

        Raises:
            ValueError: a file is corrupt.
            ConnectionError: there are no files, they cannot be downloaded within seconds, and there is no fallback.
        """
        if self._ready:
            return
        try:
            ensure_files(self.set, self.root)
        except Unavailable as reason:
            if self.fallback is None:
                raise
            self._fall_back(reason)
        self._ready = True

    def _fall_back(self, reason: Unavailable) -> None:
        self.name = "digits (instead of mnist)"
        self.notice = (
            f"NOT MNIST: this run uses scikit-learn's 1,797 digits of 8x8, resized to 28x28; its numbers are not "
            f"MNIST's.\n{reason}; datamodule.fallback=null stops instead."
        )
        digits = len(read_digits(train=True)[0])
        self.val_size = round(self.val_size * digits / 60_000)
        self.eval_batch_size = min(self.eval_batch_size, digits)

    def setup(self, stage: str | None = None) -> None:
        """Read the images and split them; the split depends on `split_seed` only.

        Raises:
            ValueError: `val_size` leaves nothing to train on.
        """
        if self.splits:
            return
        x, y = self.load(train=True)
        if self.val_size >= len(x):
            raise ValueError(
                f"val_size={self.val_size} leaves nothing to train on: {self.name} has {len(x)} training images; "
                f"give a val_size below that (0 for none)"
            )
        shuffled = torch.randperm(len(x), generator=torch.Generator().manual_seed(self.split_seed))
        val, train = shuffled[: self.val_size], shuffled[self.val_size :].sort().values
        self.splits = {
            "train": TensorRows(x[train], y[train]),
            "val": TensorRows(x[val], y[val]),
            "test": TensorRows(*self.load(train=False)),
        }
        self.class_counts = torch.bincount(y[train], minlength=self.output_size).tolist()
        if self.normalize:
            self.input_stats = self._statistics(self.splits["train"].x)

    def load(self, train: bool) -> Images:
        """The training or the test images, whole."""
        return resized_digits(train, self.shape) if self.notice else self.set.read(self.root, train)

    def _statistics(self, images: Tensor) -> Stats:
        if images.dim() == 3:
            return _mean_and_std(images)
        mean, std = zip(*(_mean_and_std(channel) for channel in images.unbind(-1)), strict=True)
        pixels = self.input_size // len(mean)  # of a step, each with its channels side by side
        return [*mean] * pixels, [*std] * pixels

    def state_dict(self) -> dict[str, Any]:
        """What was learned from the training images, as plain values; Lightning puts it into every checkpoint."""
        learned = {"input_stats": self.input_stats, "class_counts": self.class_counts}
        return {name: value for name, value in learned.items() if value is not None}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what a training learned."""
        self.input_stats, self.class_counts = state_dict.get("input_stats"), state_dict.get("class_counts")

    def on_after_batch_transfer(self, batch: Images, dataloader_idx: int) -> tuple[Tensor, Tensor]:
        """uint8 images to float sequences, on the device; training images are shifted first."""
        images, labels = batch
        if self.shift and self.trainer is not None and self.trainer.training:
            images = random_shift(images, self.shift)
        return self.sequences(images), labels

    def sequences(self, images: Tensor) -> Tensor:
        """(B, *shape) uint8 images to (B, T, D) float sequences in [0, 1]."""
        return as_sequence(images, self.view, self.order).float().div_(255)

    def images(self, sequences: Sequence[Tensor] | Tensor) -> Tensor:
        return as_images(torch.stack(list(sequences)), self.view, self.shape, self.order)

    def summary(self) -> str:
        order = f", pixels in order {self.order.name}" if self.order else ""
        return f"{self.name}: {self.sizes()}; {self.view}, {self.steps} steps of {self.input_size}{order}"

    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = {"images": {split: _hash(rows) for split, rows in self.splits.items()}}
        if self.order:
            facts["permutation"] = {"name": self.order.name, "sha256": self.order.sha256}
        if self.class_counts and self.splits:
            facts["baselines"] = majority(self.class_counts, self.splits["test"].y)
        return facts


def _hash(rows: TensorRows) -> dict[str, Any]:
    """How many images, and what their pixels and labels are, so that changed files do not pass for the same data."""
    digest = hashlib.sha256()
    for tensor in (rows.x, rows.y):
        digest.update(tensor.cpu().contiguous().numpy().data)
    return {"count": len(rows.x), "sha256": digest.hexdigest()}


def _mean_and_std(images: Tensor) -> tuple[float, float]:
    """Of uint8 pixels as floats in [0, 1], exact to float64 through their histogram."""
    counts = torch.bincount(images.flatten(), minlength=256).double()
    levels = torch.arange(256, dtype=torch.float64) / 255
    mean = (counts * levels).sum() / counts.sum()
    variance = (counts * (levels - mean) ** 2).sum() / counts.sum()
    return mean.item(), variance.sqrt().item()
