"""Images as sequences, grey or in colour: what all sets of images share.

The images lie on the device as uint8 (with workers: in memory, and travel there as uint8); a batch of them becomes
sequences of floats in [0, 1], (B, T, D), with labels (B,).
"""

from typing import Any

import torch
from torch import Tensor

from seqmodels.datamodules.base import check_at_least
from seqmodels.datamodules.images.views import (
    Permutation,
    PixelOrder,
    View,
    as_images,
    as_sequence,
    check_view,
    pixel_order,
    random_shift,
    steps_and_width,
)
from seqmodels.datamodules.labelled_rows import LabelledRows
from seqmodels.datamodules.loaders import TensorRows

Images = tuple[Tensor, Tensor]
"""(N, height, width) or (N, height, width, channels) uint8, and (N,) int64."""

Stats = tuple[float, float] | tuple[list[float], list[float]]
"""Mean and standard deviation, of all columns together or (D,) of each."""


class ImageSequences(LabelledRows):
    """Labelled images, each read as one sequence.

    Subclasses read the files: `prepare_data` (may be called twice) and `load(train)`.

    Attributes:
        input_stats: mean and standard deviation of the training pixels, in colour those of each of the D columns; None
            when not normalised. The module applies them.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        class_names: list[str],
        view: View = "rows",
        permutation: Permutation | None = None,
        permutation_seed: int = 92916,
        normalize: bool = False,
        shift: int = 0,
        val_size: int = 5000,
        split_seed: int = 0,
        batch_size: int = 64,
        eval_batch_size: int = 1000,
        num_workers: int = 0,
        overfit_batches: int = 0,
        seed: int = 1,
    ) -> None:
        """
        Args:
            shape: (height, width) of an image, or (height, width, channels).
            class_names: what the labels 0, 1, ... mean.
            view: rows (T = height, D = width * channels), columns, or pixels (T = height * width, D = channels).
            permutation: null, bit_reversal or random: a fixed order of the pixels.
            permutation_seed: for `random`.
            normalize: the module subtracts the training pixels' mean and divides by their standard deviation, in colour
                those of each channel.
            shift: augmentation; each training image moves by up to this many pixels.
            val_size: images taken from the training set for validation, 0 for none.
            split_seed: which ones.
            batch_size, eval_batch_size, num_workers, overfit_batches, seed: as in `LabelledRows`.

        Raises:
            ValueError: an argument is outside its range.
        """
        super().__init__(batch_size, eval_batch_size, num_workers, overfit_batches, seed)
        check_view(view)
        check_at_least(0, val_size=val_size, shift=shift)
        self.view: View = view
        self.shape = shape
        self.steps, self.input_size = steps_and_width(view, shape)
        self.output_size = len(class_names)
        self.class_names = class_names
        self.order: PixelOrder | None = None
        if permutation is not None:
            self.order = pixel_order(permutation, shape[0] * shape[1], permutation_seed)
        self.normalize = normalize
        self.shift = shift
        self.val_size = val_size
        self.split_seed = split_seed
        self.input_stats: Stats | None = None

    def load(self, train: bool) -> Images:
        """The training or the test images, whole."""
        raise NotImplementedError

    def setup(self, stage: str | None = None) -> None:
        """Read the images and split them; the split depends on `split_seed` only.

        Raises:
            ValueError: `val_size` leaves nothing to train on.
        """
        if self._parts:
            return
        x, y = self.load(train=True)
        if self.val_size >= len(x):
            raise ValueError(
                f"val_size={self.val_size} leaves nothing to train on: {self.name} has {len(x)} training images; "
                f"give a val_size below that (0 for none)"
            )
        shuffled = torch.randperm(len(x), generator=torch.Generator().manual_seed(self.split_seed))
        val, train = shuffled[: self.val_size], shuffled[self.val_size :].sort().values
        self._parts = {
            "train": TensorRows(x[train], y[train]),
            "val": TensorRows(x[val], y[val]),
            "test": TensorRows(*self.load(train=False)),
        }
        if self.normalize:
            self.input_stats = self._statistics(self._parts["train"].x)

    def _statistics(self, images: Tensor) -> Stats:
        if images.dim() == 3:
            return _mean_and_std(images)
        mean, std = zip(*(_mean_and_std(channel) for channel in images.unbind(-1)), strict=True)
        pixels = self.input_size // len(mean)  # of a step, each with its channels side by side
        return [*mean] * pixels, [*std] * pixels

    def state_dict(self) -> dict[str, Any]:
        """What was learned from the training images, as plain values; Lightning puts it into every checkpoint."""
        return {} if self.input_stats is None else {"input_stats": self.input_stats}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what a training learned."""
        self.input_stats = state_dict["input_stats"]

    def transfer_batch_to_device(self, batch: Images, device: torch.device, dataloader_idx: int) -> Images:
        images, labels = batch
        return images.to(device, non_blocking=True), labels.to(device, non_blocking=True)

    def on_after_batch_transfer(self, batch: Images, dataloader_idx: int) -> tuple[Tensor, Tensor]:
        """uint8 images to float sequences, on the device; training images are shifted first."""
        images, labels = batch
        if self.shift and self.trainer is not None and self.trainer.training:
            images = random_shift(images, self.shift)
        return self.sequences(images), labels

    def sequences(self, images: Tensor) -> Tensor:
        """(B, *shape) uint8 images to (B, T, D) float sequences in [0, 1]."""
        return as_sequence(images, self.view, self.order).float().div_(255)

    def images(self, x: Tensor) -> Tensor:
        """(B, T, D) sequences back to (B, *shape) images, to look at."""
        return as_images(x, self.view, self.shape, self.order)

    def summary(self) -> str:
        """One line for the start of a run."""
        sizes = ", ".join(f"{len(data):,} {part}" for part, data in self._parts.items())
        order = f", pixels in order {self.order.name}" if self.order else ""
        return f"{self.name}: {sizes}; {self.view}, {self.steps} steps of {self.input_size}{order}"

    def facts(self) -> dict[str, Any]:
        """What results.json keeps of the data beside its name."""
        if self.order is None:
            return {}
        return {"permutation": {"name": self.order.name, "sha256": self.order.sha256}}


def _mean_and_std(images: Tensor) -> tuple[float, float]:
    """Of uint8 pixels as floats in [0, 1], exact to float64 through their histogram."""
    counts = torch.bincount(images.flatten(), minlength=256).double()
    levels = torch.arange(256, dtype=torch.float64) / 255
    mean = (counts * levels).sum() / counts.sum()
    variance = (counts * (levels - mean) ** 2).sum() / counts.sum()
    return mean.item(), variance.sqrt().item()
