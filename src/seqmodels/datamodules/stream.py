"""Endless streams, cut into windows.

    stream 0   | 0 1 2 3 | 4 5 6 7 | 8 9 ...      row b of every batch is stream b, for ever;
    stream 1   | 0 1 2 3 | 4 5 6 7 | 8 9 ...      batch i is window i of all streams
               window 0    window 1

`window(i)` is a pure function of i, so any number of worker processes gives the same batches in the same order.
"""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info


class Window(NamedTuple):
    """T consecutive steps of B streams.

    Attributes:
        x: (B, T, D) inputs.
        y: (B, T, Y) targets.
        reset: (B,) bool, rows whose stream starts anew at the start of this window.
        mask: (B, T) bool, steps that count in the loss.
    """

    x: Tensor
    y: Tensor
    reset: Tensor
    mask: Tensor

    def to(self, device: torch.device) -> "Window":
        """The same window on a device."""
        return Window(*(tensor.to(device, non_blocking=True) for tensor in self))


class Windows(IterableDataset[Window]):
    """The windows of a source from `start` on, shared among W workers: worker w makes start + w, start + w + W, ..."""

    def __init__(self, window: Callable[[int], Window], stop: int | None, rows: slice, start: int = 0) -> None:
        """
        Args:
            window: makes window i of all streams.
            stop: how many windows there are; None means endless.
            rows: the streams that this process owns.
            start: the window to begin with.
        """
        self.window, self.stop, self.rows, self.start = window, stop, rows, start

    def __iter__(self) -> Iterator[Window]:
        worker = get_worker_info()
        first, stride = (self.start + worker.id, worker.num_workers) if worker else (self.start, 1)
        indices = count(first, stride) if self.stop is None else range(first, self.stop, stride)
        return (Window(*(tensor[self.rows] for tensor in self.window(i))) for i in indices)


class WindowLoader(DataLoader[Window]):
    """Begins its first pass over `Windows` at their `start`, where a resumed epoch goes on, and later ones at 0."""

    def __iter__(self) -> Any:
        windows = super().__iter__()  # workers have their copies of the dataset now
        self.dataset.start = 0  # type: ignore[attr-defined]
        return windows


def window_loader(windows: Windows, num_workers: int) -> DataLoader[Window]:
    """A DataLoader whose batches are the windows themselves, in order."""
    return WindowLoader(
        windows, batch_size=None, collate_fn=_as_it_is, num_workers=num_workers, generator=torch.Generator()
    )


def _as_it_is(window: Any) -> Any:
    return window


def rank_rows(num_streams: int, rank: int, ranks: int) -> slice:
    """The streams of one process: equal shares, in order.

    Raises:
        ValueError: the streams cannot be shared equally.
    """
    if num_streams % ranks:
        raise ValueError(
            f"num_streams={num_streams} are all streams together and cannot be shared by {ranks} processes; "
            f"give a multiple of {ranks}"
        )
    share = num_streams // ranks
    return slice(rank * share, (rank + 1) * share)
