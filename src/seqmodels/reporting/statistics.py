"""Means with their 95 % intervals, and the difference of two groups.

Student 1908, "The probable error of a mean"; Welch 1947, "The generalization of 'Student's' problem when several
different population variances are involved".
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

LEVEL = 0.95

Seeded = tuple[int | None, float]
"""A run's seed and its value."""


@dataclass(frozen=True)
class Summary:
    """Of n values: mean, sample standard deviation (n - 1 in the denominator), ends of the interval of the mean.

    One value has neither deviation nor interval.
    """

    n: int
    mean: float
    sd: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Difference:
    """The mean of A less that of B.

    Attributes:
        method: "paired by seed" or "Welch".
        a, b: the values that count.
        left_out: (A's, B's) seeds without a partner.
    """

    method: str
    a: Summary
    b: Summary
    mean: float
    low: float | None
    high: float | None
    left_out: tuple[list[int | None], list[int | None]]


def moments(values: ArrayLike) -> tuple[Any, Any]:
    """Mean and sample standard deviation over the first axis, (n, ...) -> (...); the deviation of one value is None."""
    array = np.asarray(values, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):  # values near 1e308 have no finite deviation
        return array.mean(axis=0), array.std(axis=0, ddof=1) if len(array) > 1 else None


def summary(values: Sequence[float]) -> Summary:
    """Mean and t interval of at least one value."""
    mean, sd = moments(values)
    if sd is None:
        return Summary(1, float(mean))
    half = half_width(len(values) - 1) * float(sd) / math.sqrt(len(values))
    return Summary(len(values), float(mean), float(sd), float(mean) - half, float(mean) + half)


def difference(a: Sequence[Seeded], b: Sequence[Seeded]) -> Difference:
    """Paired by seed when two seeds or more match, and those are half of the smaller group or more; else Welch.

    A pair shares the order of the data and the noise, so the noise they share drops out. A few chance matches between
    large groups would throw most of the runs away.
    """
    of_a, of_b = ({seed: value for seed, value in group if seed is not None} for group in (a, b))
    seeds = [seed for seed in of_a if seed in of_b]
    if len(seeds) < 2 or 2 * len(seeds) < min(len(a), len(b)):
        return _welch([value for _, value in a], [value for _, value in b])
    pairs = summary([of_a[seed] - of_b[seed] for seed in seeds])
    alone = [[seed for seed, _ in group if seed not in seeds] for group in (a, b)]
    return Difference(
        "paired by seed",
        summary([of_a[seed] for seed in seeds]),
        summary([of_b[seed] for seed in seeds]),
        pairs.mean,
        pairs.low,
        pairs.high,
        (alone[0], alone[1]),
    )


def _welch(a: Sequence[float], b: Sequence[float]) -> Difference:
    of_a, of_b = summary(a), summary(b)
    mean, low, high = of_a.mean - of_b.mean, None, None
    if of_a.sd is not None and of_b.sd is not None:
        square_a, square_b = of_a.sd**2 / of_a.n, of_b.sd**2 / of_b.n
        low = high = mean
        if square_a + square_b > 0:
            freedom = (square_a + square_b) ** 2 / (square_a**2 / (of_a.n - 1) + square_b**2 / (of_b.n - 1))
            half = half_width(freedom) * math.sqrt(square_a + square_b)
            low, high = mean - half, mean + half
    return Difference("Welch", of_a, of_b, mean, low, high, ([], []))


@cache
def half_width(freedom: float) -> float:
    """Of an interval, in standard errors: the t that |T| exceeds with probability 1 - LEVEL, by Newton's method.

    It begins at the normal distribution's, which is smaller, and P(|T| > t) is convex: it comes nearer from one side.
    scipy.special, which has this too, takes longer to import than a report to write.
    """
    if not math.isfinite(freedom):
        return math.nan
    t = NormalDist().inv_cdf(0.5 + LEVEL / 2)
    for _ in range(100):
        step = (_beyond(t, freedom) - (1 - LEVEL)) / (2 * _density(t, freedom))
        t += step
        if step <= 1e-15 * t:
            break
    return t


def _density(t: float, freedom: float) -> float:
    square = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - (freedom + 1) / 2 * math.log1p(t * t / freedom)
    return math.exp(square) / math.sqrt(freedom * math.pi)


def _beyond(t: float, freedom: float) -> float:
    """P(|T| > t) = I_x(freedom / 2, 1 / 2) at x = freedom / (freedom + t^2) (Abramowitz & Stegun 26.7.1), t > 0.

    The incomplete beta function is summed as 26.5.4, from the side on which the terms fall faster.
    """
    x = freedom / (freedom + t * t)
    return _beta(x, freedom / 2, 0.5) if x < 0.5 else 1 - _beta(1 - x, 0.5, freedom / 2)


def _beta(x: float, a: float, b: float) -> float:
    """I_x(a, b), for 0 < x < 1."""
    term = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    total, n = 0.0, 0
    while term > 1e-17 * total:
        total += term
        term *= (a + b + n) / (a + 1 + n) * x
        n += 1
    return total
