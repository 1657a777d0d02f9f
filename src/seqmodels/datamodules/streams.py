"""Data that is read window by window: streams which keep their rows, in order, in every epoch from their beginning."""

from typing import Any

from torch.utils.data import DataLoader

from seqmodels.config.ranges import LONGEST, size
from seqmodels.datamodules.base import SequenceData
from seqmodels.datamodules.loaders import OwnRows, Windows, window_loader
from seqmodels.datamodules.order import InOrder
from seqmodels.datamodules.window import Window, rank_rows


class StreamData(SequenceData):
    """Loaders over `splits`, which `setup` fills; each process gets its own rows of every window.

    Attributes:
        num_streams: B, over all processes.
        splits: the windows of "train", "val" and "test"; a split without any, or that is not there, is not read.
    """

    task = "regression"
    resumable = True
    num_streams: int

    def __init__(self, num_streams: int = 1, **options: Any) -> None:
        """
        Args:
            num_streams: B, over all processes.
            options: as in `SequenceData`.

        Raises:
            ValueError: an argument is outside its range.
        """
        super().__init__(**options)
        size(LONGEST, num_streams=num_streams)
        self.num_streams = num_streams
        self.splits: dict[str, Windows] = {}

    def train_dataloader(self) -> DataLoader[Window]:
        windows = self.splits["train"]
        limits = [limit for limit in (self.overfit_batches or None, windows.count) if limit is not None]
        return self._loader(windows, InOrder(min(limits, default=None), self.passes()))

    def val_dataloader(self) -> list[DataLoader[Window]]:
        return self._eval_loaders("val")

    def test_dataloader(self) -> list[DataLoader[Window]]:
        return self._eval_loaders("test")

    def _eval_loaders(self, split: str) -> list[DataLoader[Window]]:
        windows = self.splits.get(split)
        return [self._loader(windows, InOrder(windows.count))] if windows and windows.count else []

    def _loader(self, windows: Windows, order: InOrder) -> DataLoader[Window]:
        rows = rank_rows(self.num_streams, *self.rank())
        return window_loader(OwnRows(windows, rows), order, self.num_workers)
