"""Axes: round numbers in order, that tell their neighbours apart and lie where they say."""

import math

import pytest

from seqmodels.reporting.scales import linear, logarithmic

ENDS = [
    (0.0, 0.0), (0.5, 0.5), (0.0, 1.0), (-3.0, 7.0), (0.98765, 0.98766), (1e6, 1e6 + 1), (12.0, 34000.0), (1e9, 3e9),
    (-2e-7, 1e-7), (-1e-300, 1e-300), (5e-324, 5e-324), (1e300, 1e307), (-1.7e308, 1.7e308),
]  # fmt: skip


@pytest.mark.parametrize(("low", "high"), ENDS)
def test_numbers_of_a_straight_axis(low: float, high: float) -> None:
    scale = linear([low, high], 100, 900)
    ticks = scale.ticks(8)
    assert 2 <= len(ticks) <= 10
    places = [at for at, _ in ticks]
    assert places == sorted(set(places))
    assert len({label for _, label in ticks}) == len(ticks)
    for at, label in ticks:
        assert at == pytest.approx(scale.at(float(label)), abs=1)
    assert 100 <= scale.at(low) <= scale.at(high) <= 900
    assert [scale.at(-1.79e308), scale.at(1.79e308)] == pytest.approx([100, 900], abs=60)


@pytest.mark.parametrize(("low", "high"), [(0.02, 0.9), (1e-6, 1.0), (3.0, 4e5), (1e-300, 1e300), (1e300, 1.7e308)])
def test_numbers_of_a_logarithmic_axis(low: float, high: float) -> None:
    scale = logarithmic(low, high, 400, 10)
    ticks = scale.ticks(6)
    assert 2 <= len(ticks) <= 8
    for at, label in ticks:
        share = (math.log10(float(label)) - scale.low) / (scale.high - scale.low)
        assert at == pytest.approx(400 - 390 * share, abs=1e-6)
    assert scale.at(0.0) == scale.at(-1.0) == 400
