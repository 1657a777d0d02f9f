"""Where sequences follow each other in a window: what a step sees of the steps before it, without those of the sequence
that ended.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def sequence_numbers(reset: Tensor, before: int = 0) -> Tensor:
    """(B, before + T) int64, equal where two steps belong together; reset (B, T).

    The `before` steps in front of the window belong with the steps up to the first reset.
    """
    return F.pad(reset.long().cumsum(1), (before, 0))


def past_within_sequence(read: Tensor, reset: Tensor, taps: int, dilation: int = 1) -> Tensor:
    """What each tap of a causal convolution reads: zeros before the step at which a sequence begins.

    Args:
        read: (B, (taps - 1) dilation + T, C), the tail of the steps before and the window.
        reset: (B, T) bool.
        taps: K, the oldest first.
        dilation: steps between two taps.

    Returns:
        (B, T, K, C).
    """
    steps = reset.shape[1]
    numbers = sequence_numbers(reset, read.shape[1] - steps)
    now = numbers[:, -steps:]
    starts = range(0, taps * dilation, dilation)
    seen = [torch.where((numbers[:, k : k + steps] == now).unsqueeze(-1), read[:, k : k + steps], 0) for k in starts]
    return torch.stack(seen, 2)


def tail_of_sequence(read: Tensor, reset: Tensor) -> Tensor:
    """The last steps of `read`, as many as stand in front of the window; zeros before a sequence began."""
    steps = reset.shape[1]
    numbers = sequence_numbers(reset, read.shape[1] - steps)
    return torch.where((numbers[:, steps:] == numbers[:, -1:]).unsqueeze(-1), read[:, steps:], 0)
