"""Means, intervals and differences against SciPy's tests and against numbers worked out by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from seqmodels.reporting.statistics import difference, half_width, summary


def test_by_hand() -> None:
    """1, 2, 3: sd 1, t(0.975, 2) = 4.302653, half width 4.302653 / sqrt(3)."""
    found = summary([1.0, 2.0, 3.0])
    assert (found.n, found.mean, found.sd) == (3, 2.0, 1.0)
    assert found.low == pytest.approx(2 - 4.302653 / math.sqrt(3), abs=1e-6)
    assert found.high == pytest.approx(2 + 4.302653 / math.sqrt(3), abs=1e-6)


@pytest.mark.parametrize("n", [2, 3, 10, 100])
def test_the_interval_is_students(n: int) -> None:
    values = np.random.default_rng(n).normal(0.9, 0.03, n)
    low, high = stats.t.interval(0.95, n - 1, loc=values.mean(), scale=stats.sem(values))
    found = summary(list(values))
    assert [found.low, found.high] == pytest.approx([low, high], rel=1e-12)
    assert found.sd == pytest.approx(values.std(ddof=1), rel=1e-12)


@pytest.mark.parametrize("freedom", [1.0, 1.3, 2.0, 3.7, 4.6, 7.5, 41.2, 1500.0])
def test_the_interval_has_any_degrees_of_freedom(freedom: float) -> None:
    """Welch's are no whole numbers."""
    assert half_width(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-11)


def test_one_run_has_no_interval() -> None:
    found = summary([0.5])
    assert (found.sd, found.low, found.high) == (None, None, None)


def test_the_interval_covers_the_mean_as_often_as_it_says() -> None:
    draws = np.random.default_rng(0).normal(3, 2, (2000, 4))
    found = [summary(list(values)) for values in draws]
    covered = sum(one.low is not None and one.high is not None and one.low <= 3 <= one.high for one in found)
    assert 0.935 < covered / 2000 < 0.965  # three standard errors to each side


def test_matching_seeds_are_paired() -> None:
    rng = np.random.default_rng(1)
    shared = rng.normal(0, 1, 6)  # what both runs of a seed have in common, and pairing takes away
    a, b = shared + rng.normal(0.2, 0.05, 6), shared + rng.normal(0, 0.05, 6)
    found = difference(list(enumerate(a)), list(reversed(list(enumerate(b)))))
    expected = stats.ttest_rel(a, b).confidence_interval()
    assert found.method == "paired by seed"
    assert [found.low, found.high] == pytest.approx([expected.low, expected.high], rel=1e-12)
    assert found.mean == pytest.approx((a - b).mean(), rel=1e-12)
    assert found.low is not None
    assert found.low > 0, "pairing sees the difference"


def test_other_seeds_are_compared_with_welch() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(1, 1, 4), rng.normal(0, 3, 9)
    found = difference([(i, x) for i, x in enumerate(a)], [(100 + i, x) for i, x in enumerate(b)])
    expected = stats.ttest_ind(a, b, equal_var=False).confidence_interval()
    assert found.method == "Welch"
    assert (found.a.n, found.b.n, found.left_out) == (4, 9, ([], []))
    assert [found.low, found.high] == pytest.approx([expected.low, expected.high], rel=1e-12)


def test_seeds_without_a_partner_are_left_out_and_named() -> None:
    found = difference([(1, 1.0), (2, 2.0), (3, 9.0)], [(2, 1.5), (1, 0.8), (7, 0.0), (8, 0.0)])
    assert found.method == "paired by seed"
    assert (found.a.n, found.b.n) == (2, 2)
    assert found.mean == pytest.approx((0.2 + 0.5) / 2)
    assert found.left_out == ([3], [7, 8])


def test_a_few_chance_matches_do_not_throw_the_rest_away() -> None:
    a, b = [(i, float(i)) for i in range(10)], [(i, float(i)) for i in range(8, 18)]
    found = difference(a, b)
    assert (found.method, found.a.n, found.b.n) == ("Welch", 10, 10)


def test_runs_without_seeds_are_never_pairs() -> None:
    found = difference([(None, 1.0), (None, 2.0)], [(None, 1.0), (None, 3.0)])
    assert found.method == "Welch"


@pytest.mark.parametrize("b", [[(1, 0.5)], [(2, 0.5)], [(2, 0.5), (3, 0.5)]])
def test_a_single_run_gives_a_difference_without_an_interval(b: list[tuple[int | None, float]]) -> None:
    found = difference([(1, 0.75)], b)
    assert (found.mean, found.low, found.high) == (0.25, None, None)


def test_equal_values_have_an_interval_of_no_width() -> None:
    found = difference([(1, 1.0), (2, 1.0)], [(3, 0.5), (4, 0.5)])
    assert (found.low, found.mean, found.high) == (0.5, 0.5, 0.5)


def test_huge_values_are_no_error() -> None:
    assert summary([1e308, -1e308, 1e308]).n == 3
