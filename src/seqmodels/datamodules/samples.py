"""Data whose samples can be fetched by their number: shuffled for the training, in order for validation and test."""

from typing import Any

from torch.utils.data import DataLoader

from seqmodels.config.ranges import LONGEST, size
from seqmodels.datamodules.base import SequenceData
from seqmodels.datamodules.loaders import TensorRows, batch_loader
from seqmodels.datamodules.order import OrderedBatches, ShuffledBatches


class SampleData(SequenceData):
    """Loaders over `splits`, which `setup` fills.

    Attributes:
        splits: "train", "val" and "test", each with a `len` and a `__getitems__` that makes a batch of (B,) numbers,
            such as `TensorRows`; one that is empty or not there is not read.
    """

    resumable = True

    def __init__(self, batch_size: int = 64, eval_batch_size: int = 1000, **options: Any) -> None:
        """
        Args:
            batch_size: training samples of one step, over all processes.
            eval_batch_size: the same for validation and test, at most.
            options: as in `SequenceData`.

        Raises:
            ValueError: an argument is outside its range.
        """
        super().__init__(**options)
        size(LONGEST, batch_size=batch_size, eval_batch_size=eval_batch_size)
        self.batch_size, self.eval_batch_size = batch_size, eval_batch_size
        self.splits: dict[str, Any] = {}

    def train_dataloader(self) -> DataLoader[Any]:
        rank, ranks = self.rank()
        if self.batch_size % ranks:
            raise ValueError(
                f"batch_size={self.batch_size} is the batch over all processes and cannot be shared by {ranks}; give a "
                f"multiple of {ranks}, such as datamodule.batch_size={-(-self.batch_size // ranks) * ranks}"
            )
        data, limit = self._on_device("train"), self.overfit_batches or None
        device = getattr(data, "device", None)
        batches = ShuffledBatches(len(data), self.batch_size, self.seed, rank, ranks, limit, self.passes(), device)
        return batch_loader(data, batches, self.num_workers)

    def val_dataloader(self) -> list[DataLoader[Any]]:
        return self._eval_loaders("val")

    def test_dataloader(self) -> list[DataLoader[Any]]:
        return self._eval_loaders("test")

    def _eval_loaders(self, split: str) -> list[DataLoader[Any]]:
        if not self.splits.get(split):
            return []
        data = self._on_device(split)
        rank, ranks = self.rank()
        batches = OrderedBatches(len(data), self.eval_batch_size, rank, ranks, getattr(data, "device", None))
        smallest = len(data) // len(batches)
        if smallest < ranks:
            raise ValueError(
                f"eval_batch_size={self.eval_batch_size} makes batches of {smallest} of {len(data)} rows of {split}, "
                f"which {ranks} processes cannot share; give a larger one or more data, or use fewer processes"
            )
        return [batch_loader(data, batches, num_workers=0)]

    def _on_device(self, split: str) -> Any:
        """A split, moved to the device once where it is tensors in memory, so that no batch has to travel."""
        data = self.splits[split]
        if isinstance(data, TensorRows) and self.trainer and not self.num_workers:
            data = self.splits[split] = data.to(self.trainer.strategy.root_device)
        return data

    def sizes(self) -> str:
        """How many samples each split has, for `summary`."""
        return ", ".join(f"{len(data):,} {split}" for split, data in self.splits.items())

    def summary(self) -> str:
        return f"{self.name}: {self.sizes()}"
