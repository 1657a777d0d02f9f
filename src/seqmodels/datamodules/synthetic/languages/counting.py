"""Regular languages whose state is a count modulo 2 or 5, or no more than the first symbol.

Parity and even pairs as Deletang et al. 2023 have them (arXiv 2207.02098), who also set cycle navigation in this form.
"""

import numpy as np

from seqmodels.datamodules.synthetic.languages.language import Integers, Language, draw

POSITIONS = 5
"""Of the cycle."""


def _parity(u: np.ndarray, lengths: Integers) -> tuple[Integers, Integers]:
    bits = draw(2, u)
    return bits, bits.cumsum(1) % 2


def _even_pairs(u: np.ndarray, lengths: Integers) -> tuple[Integers, Integers]:
    """The letter changes an even number of times where the last is the first."""
    letters = draw(2, u)
    return letters, (letters != letters[:, :1]).astype(np.int64)


def _cycle_navigation(u: np.ndarray, lengths: Integers) -> tuple[Integers, Integers]:
    moves = draw(3, u)
    return moves, np.array([0, 1, -1])[moves].cumsum(1) % POSITIONS


PARITY = Language(("0", "1"), ("even", "odd"), _parity)
"""Whether the number of ones is even or odd."""

EVEN_PAIRS = Language(("a", "b"), ("even", "odd"), _even_pairs)
"""Whether the pairs ab and ba among the neighbours are even or odd in number."""

CYCLE_NAVIGATION = Language(("stay", "+1", "-1"), tuple(map(str, range(POSITIONS))), _cycle_navigation)
"""Where on a cycle of five positions these moves lead, from 0."""
