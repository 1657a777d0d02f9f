"""What goes from a stream to a module: T steps of B streams."""

from typing import NamedTuple

import torch
from torch import Tensor


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


def rank_rows(num_streams: int, rank: int, ranks: int) -> slice:
    """The streams of one process: equal shares, in order.

    Raises:
        ValueError: the streams cannot be shared equally.
    """
    if num_streams % ranks:
        raise ValueError(
            f"num_streams={num_streams} are all streams together and cannot be shared by {ranks} processes; give a "
            f"multiple of {ranks}, such as datamodule.num_streams={-(-num_streams // ranks) * ranks}"
        )
    share = num_streams // ranks
    return slice(rank * share, (rank + 1) * share)
