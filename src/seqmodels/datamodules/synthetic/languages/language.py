"""What a formal language is: random words, and the right answer to each prefix that has one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

NONE = -1
"""The answer where there is none."""


class Spell(Protocol):
    """Makes words."""

    def __call__(self, u: np.ndarray, lengths: Integers) -> tuple[Integers, Integers]:
        """
        Args:
            u: (B, T) float64, uniform in [0, 1), a number for each symbol.
            lengths: (B,) of the words, each one that the language has and at most T.

        Returns:
            symbols (B, T), of which the first `lengths` are the word, whatever follows; and answers (B, T), at step t
            the class of the first t symbols, `NONE` where they have none. A whole word always has one.
        """


@dataclass(frozen=True)
class Language:
    """A language.

    Attributes:
        symbols: what words are written in.
        classes: what can be right to say.
        spell: makes words.
        shortest, stride: words have `shortest` symbols, or `stride`, 2 `stride`, ... more.
        every: whether prefixes have an answer too.
    """

    symbols: Sequence[str]
    classes: Sequence[str]
    spell: Spell
    shortest: int = 1
    stride: int = 1
    every: bool = True

    def lengths(self, shortest: int, longest: int) -> range:
        """The lengths from one number to another that words can have."""
        passed = max(0, -(-(shortest - self.shortest) // self.stride))
        return range(self.shortest + passed * self.stride, longest + 1, self.stride)


def draw(n: int, u: np.ndarray) -> Integers:
    """Whole numbers 0, ..., n - 1, each as likely, from uniform ones in [0, 1)."""
    return (u * n).astype(np.int64)
