"""Sequences of tokens that ask for what was read before; tokens are numbers below V.

    mqar                 k1 v1 k2 v2 | .  .  k2 .  k1 .     at a key that comes again: its value
    selective_copying    .  3  .  .  7  .  5  | !  !  !     at the markers: the tokens among the blanks, in their order
    induction_heads      4  9  !  6  2  8  1  | !           at the second marker: what followed the first

Each is for B rows of T steps with P things to be kept, made of uniform numbers (B, K) in [0, 1).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from seqmodels.datamodules.synthetic.languages.language import NONE, Integers, draw

POWER = 0.01
"""Of the distances at which keys come again, as zoology has them: the probability falls with about 1 / distance."""

BLANK, MARKER = 0, 1


@dataclass(frozen=True)
class Problem:
    """A problem.

    Attributes:
        make: (u, T, P, V) to tokens (B, T), and answers (B, T) with `NONE` where nothing is asked.
        numbers: (T, P) to K.
        steps: P to the least T.
        answers: V to how many tokens can be right.
        smallest: the least V for one thing to be kept.
    """

    make: Callable[[np.ndarray, int, int, int], tuple[Integers, Integers]]
    numbers: Callable[[int, int], int]
    steps: Callable[[int], int]
    answers: Callable[[int], int]
    smallest: int


def _mqar(u: np.ndarray, steps: int, pairs: int, vocabulary: int) -> tuple[Integers, Integers]:
    """Keys are of the lower half of the vocabulary, values of the upper; whatever else stands there is any token.

    Multi-query associative recall, in the form of Arora et al. 2023 (Zoology, arXiv 2312.04927) and their program.
    """
    half, space, rows = vocabulary // 2, (steps - 2 * pairs) // 2, np.arange(len(u))[:, None]
    of_keys, of_values, of_places, of_rest = np.split(u, np.cumsum([pairs, pairs, space]), 1)
    keys, values = 1 + distinct(half - 1, of_keys), half + distinct(vocabulary - half, of_values)
    weight = np.arange(1, space + 1) ** (POWER - 1)
    places = 2 * pairs + 2 * np.argsort(-np.log1p(-of_places) / weight, 1, kind="stable")[:, :pairs]
    tokens = draw(vocabulary, of_rest[:, :steps])
    tokens[:, 0 : 2 * pairs : 2], tokens[:, 1 : 2 * pairs : 2] = keys, values
    answers = np.full_like(tokens, NONE)
    tokens[rows, places], answers[rows, places] = keys, values
    return tokens, answers


def _selective_copying(u: np.ndarray, steps: int, pairs: int, vocabulary: int) -> tuple[Integers, Integers]:
    """As in Gu & Dao 2023 (Mamba, arXiv 2312.00752), after Jing et al. 2019 (arXiv 1706.02761)."""
    rows = np.arange(len(u))[:, None]
    places = np.sort(distinct(steps - pairs, u[:, :pairs]), 1)
    kept = 2 + draw(vocabulary - 2, u[:, pairs : 2 * pairs])
    tokens = np.full((len(u), steps), BLANK)
    tokens[rows, places], tokens[:, steps - pairs :] = kept, MARKER
    answers = np.full_like(tokens, NONE)
    answers[:, steps - pairs :] = kept
    return tokens, answers


def _induction_heads(u: np.ndarray, steps: int, pairs: int, vocabulary: int) -> tuple[Integers, Integers]:
    """As in Gu & Dao 2023, after Olsson et al. 2022 (arXiv 2209.11895): the marker is token 0, and comes twice."""
    rows = np.arange(len(u))
    tokens = 1 + draw(vocabulary - 1, u[:, :steps])
    place = draw(steps - 2, u[:, steps])
    tokens[rows, place] = tokens[:, -1] = 0
    answers = np.full_like(tokens, NONE)
    answers[:, -1] = tokens[rows, place + 1]
    return tokens, answers


def distinct(n: int, u: np.ndarray) -> Integers:
    """(B, k) different whole numbers below n in each row, each selection as likely, from (B, k) uniform ones.

    The first k steps of Fisher & Yates' shuffle.
    """
    rows, count = np.arange(len(u)), u.shape[1]
    order = np.tile(np.arange(n), (len(u), 1))
    for place in range(count):
        other = place + draw(n - place, u[:, place])
        order[rows, other], order[:, place] = order[:, place].copy(), order[rows, other]
    return order[:, :count]


PROBLEMS = {
    "mqar": Problem(
        _mqar, lambda steps, pairs: 2 * steps + 2 * pairs, lambda pairs: 4 * pairs, lambda v: v - v // 2, 4
    ),
    "selective_copying": Problem(
        _selective_copying, lambda steps, pairs: 2 * pairs, lambda pairs: 2 * pairs, lambda v: v - 2, 4
    ),
    "induction_heads": Problem(_induction_heads, lambda steps, pairs: steps + 1, lambda pairs: 4, lambda v: v - 1, 3),
}
