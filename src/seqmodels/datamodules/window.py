"""What goes from a source to a module: T steps of B streams, and what metrics know of them."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

NOTHING = torch.zeros(0, dtype=torch.long)
"""What a window has where it has nothing to say of its rows or steps."""


class Window(NamedTuple):
    """T consecutive steps of B streams.

    Attributes:
        x: (B, T, D) inputs.
        y: (B, T, Y) targets.
        reset: (B,) bool, rows whose stream starts anew at the start of this window.
        mask: (B, T) bool, steps that count in the loss.
        series: int64, which of the source's `series` each row belongs to, (B,), or each of its steps, (B, T); empty
            where nothing tells rows apart.
        step_reset: (B, T) bool, steps behind the first at which a row's stream starts anew; empty in all windows of a
            source whose streams start at windows alone.
        dt: (B, T) the time from the step before to each step, in steps, and 1 where a stream starts; empty in all
            windows of a source whose steps are alike.
    """

    x: Tensor
    y: Tensor
    reset: Tensor
    mask: Tensor
    series: Tensor = NOTHING
    step_reset: Tensor = NOTHING
    dt: Tensor = NOTHING

    def to(self, device: torch.device) -> "Window":
        """The same window on a device."""
        return Window(*(tensor.to(device, non_blocking=True) for tensor in self))


def given(tensor: Tensor) -> Tensor | None:
    """What a window says of its steps; None where it says nothing."""
    return tensor if tensor.numel() else None


class Series(NamedTuple):
    """What metrics know of the S series of a source, by the numbers in `Window.series`.

    Attributes:
        names: S.
        level: (S, Y), near the targets.
        scale: (S, Y), the error of the naive forecast in the training data, in which MASE measures errors; None
            for a target that has none. None in all where no series has one.
    """

    names: Sequence[str]
    level: Sequence[Sequence[float]]
    scale: Sequence[Sequence[float | None]] | None


LossSteps = Literal["all", "scored"]


class AccuracyBy(NamedTuple):
    """What the accuracy of a test is told apart by: ranges of whole numbers.

    Attributes:
        axis: `length`: steps read so far, of a whole sequence all its steps; `pairs`: how many steps of the sequence
            are scored, where each pair is asked for once.
        edges: ascending; a range goes from one of them to one less than the next.
    """

    axis: Literal["length", "pairs"]
    edges: Sequence[int]


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
