"""What the data of classifications shares: rows with labels in memory, in three parts, and the loaders over them."""

from typing import Any

import lightning.pytorch as pl
from torch.utils.data import DataLoader

from seqmodels.datamodules.base import check_at_least
from seqmodels.datamodules.loaders import OrderedBatches, ShuffledBatches, TensorRows, batch_loader


class LabelledRows(pl.LightningDataModule):
    """Loaders over `_parts`, which `setup` fills: train, val and test, each fetched a batch at a time.

    Attributes:
        name: the data really used.
        input_size: D. output_size: number of classes. class_names: one a class.
        notice: what the data is instead of what was asked for, or None.
    """

    name: str
    input_size: int
    output_size: int
    class_names: list[str]
    endless = False
    task = "classification"
    notice: str | None = None

    def __init__(
        self, batch_size: int, eval_batch_size: int, num_workers: int, overfit_batches: int, seed: int
    ) -> None:
        """
        Args:
            batch_size: training rows of one step, over all processes.
            eval_batch_size: the same for validation and test.
            num_workers: processes that prepare batches; 0 is fastest for data in memory.
            overfit_batches: above 0, train on the first so many batches again and again.
            seed: of the training order.

        Raises:
            ValueError: an argument is outside its range.
        """
        super().__init__()
        check_at_least(1, batch_size=batch_size, eval_batch_size=eval_batch_size)
        check_at_least(0, num_workers=num_workers, overfit_batches=overfit_batches)
        self.batch_size = batch_size
        self.eval_batch_size = eval_batch_size
        self.num_workers = num_workers
        self.overfit_batches = overfit_batches
        self.seed = seed
        self._parts: dict[str, Any] = {}
        self._start = (0, 0)

    def train_dataloader(self) -> DataLoader[Any]:
        rank, ranks = self._rank()
        if self.batch_size % ranks:
            raise ValueError(
                f"batch_size={self.batch_size} is the batch over all processes and cannot be shared by {ranks}; "
                f"give a multiple of {ranks}"
            )
        data = self._rows("train")
        batches = ShuffledBatches(
            len(data),
            self.batch_size,
            self.seed,
            rank,
            ranks,
            self.overfit_batches or None,
            self._epoch if self.trainer else None,
            self._start,
            getattr(data, "device", None),
        )
        return batch_loader(data, batches, self.num_workers)

    def start_from(self, epoch: int, batch: int) -> None:
        """Training goes on at this batch of this epoch; said before the training loader is made."""
        self._start = (epoch, batch)

    def _epoch(self) -> int:
        assert self.trainer is not None
        return self.trainer.current_epoch

    def val_dataloader(self) -> list[DataLoader[Any]]:
        return self._eval_loaders("val")

    def test_dataloader(self) -> list[DataLoader[Any]]:
        return self._eval_loaders("test")

    def _eval_loaders(self, part: str) -> list[DataLoader[Any]]:
        data = self._rows(part)
        if not len(data):
            return []
        rank, ranks = self._rank()
        batches = OrderedBatches(len(data), self.eval_batch_size, rank, ranks, getattr(data, "device", None))
        smallest = len(data) // len(batches)
        if smallest < ranks:
            raise ValueError(
                f"eval_batch_size={self.eval_batch_size} makes batches of {smallest} of {len(data)} rows of {part}, "
                f"which {ranks} processes cannot share; give a larger one or more data, or use fewer processes"
            )
        return [batch_loader(data, batches, num_workers=0)]

    def _rows(self, part: str) -> Any:
        """A part, moved to the device once where it is tensors in memory, so that no batch has to travel."""
        data = self._parts[part]
        if isinstance(data, TensorRows) and self.trainer and not self.num_workers:
            data = self._parts[part] = data.to(self.trainer.strategy.root_device)
        return data

    def _rank(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
