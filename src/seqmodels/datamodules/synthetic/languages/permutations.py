"""Words over permutations: the symbols are permutations, the answer is their product, each applied after those before.

The word problem of S5, and of A5, is complete for NC1 (Barrington 1989): no core whose steps can be computed in
parallel by circuits of constant depth solves it at all lengths (Merrill, Petty & Sabharwal 2024, arXiv 2404.08819).
That of S3 is the smallest one in which order matters.
"""

from functools import cache
from itertools import permutations

import numpy as np

from seqmodels.datamodules.order import splitmix64
from seqmodels.datamodules.synthetic.languages.language import Integers, Language, draw

GROUPS = {"s3": (3, False), "a5": (5, True), "s5": (5, False)}
"""How many things are permuted, and whether only by even permutations."""


def words_over(group: str, generators: int | None = None) -> Language:
    """
    Args:
        group: s3, a5 or s5.
        generators: how many of its elements words are written in, chosen once and for all; None: all of them.

    Raises:
        ValueError: there are not so many, or too few to reach every element.
    """
    elements = _elements(group)
    if generators is not None and not 2 <= generators <= len(elements):
        raise ValueError(
            f"generators={generators} of {group.upper()}: give an integer from 2 to {len(elements)}, or null for all "
            f"{len(elements)} elements"
        )
    names = ["".join(map(str, element)) for element in elements]
    chosen = np.arange(len(elements)) if generators is None else np.array(_generators(group, generators))
    table = _table(group)[chosen]

    def spell(u: np.ndarray, lengths: Integers) -> tuple[Integers, Integers]:
        symbols = draw(len(chosen), u)
        answers, product = np.empty_like(symbols), np.zeros(len(u), np.int64)  # the first element changes nothing
        for step in range(u.shape[1]):
            product = answers[:, step] = table[symbols[:, step], product]
        return symbols, answers

    return Language([names[one] for one in chosen], names, spell)


@cache
def _elements(group: str) -> list[tuple[int, ...]]:
    """In alphabetical order, the identity first: (2, 0, 1) puts in place i what was in place 2, 0, 1."""
    things, even = GROUPS[group]
    return [one for one in permutations(range(things)) if not (even and _inversions(one) % 2)]


def _inversions(one: tuple[int, ...]) -> int:
    return sum(one[i] > one[j] for i in range(len(one)) for j in range(i + 1, len(one)))


@cache
def _table(group: str) -> Integers:
    """(n, n): the number of g after p at [g, p]."""
    elements = _elements(group)
    number = {element: i for i, element in enumerate(elements)}
    return np.array([[number[tuple(p[i] for i in g)] for p in elements] for g in elements])


@cache
def _generators(group: str, count: int) -> tuple[int, ...]:
    """The first so many of the group in a fixed random order that reach every element."""
    table = _table(group)
    for attempt in range(1000):
        order = np.argsort(splitmix64(np.arange(1, len(table), dtype=np.uint64) + np.uint64(1000 * attempt)))
        chosen = tuple(sorted(int(one) + 1 for one in order[:count]))
        reached = {0}
        while more := {int(table[g, p]) for g in chosen for p in reached} - reached:
            reached |= more
        if len(reached) == len(table):
            return chosen if len(chosen) == count else (0, *chosen)
    raise AssertionError(f"no {count} elements of {group} in 1,000 tries generate it")
