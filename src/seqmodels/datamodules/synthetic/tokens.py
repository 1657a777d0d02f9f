"""Tokens as a core reads them: one-hot, or their numbers, of which the module learns vectors."""

from typing import Literal

from torch import Tensor
from torch.nn import functional as F

Learned = Literal["learned"] | None
Embedding = int | Learned


def as_input(read: Tensor, vocabulary: int, tokens: int | None) -> Tensor:
    """
    Args:
        read: (B, T) numbers of tokens.
        vocabulary: V, how many there are.
        tokens: as in `SequenceData`.

    Returns:
        (B, T, 1) integers where the module learns vectors, else (B, T, V) one-hot.
    """
    return read.unsqueeze(-1) if tokens else F.one_hot(read, vocabulary).float()


def as_tokens(x: Tensor, tokens: int | None) -> Tensor:
    """(B, T), what `as_input` was given."""
    return x[..., 0] if tokens else x.argmax(-1)
