"""Axes: from values to places, and the round numbers beside them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

MARGIN = 0.03
"""Of an axis, between its ends and what is drawn."""

LEAST = 1e-290
"""A shorter axis has no round numbers that a float can hold."""


@dataclass(frozen=True)
class Scale:
    """An axis.

    Attributes:
        low, high: its ends; on a logarithmic axis their decimal logarithms.
        start, end: where these are, in pixels.
        log: whether it is logarithmic.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """The place of a value; what lies beyond the ends is put there."""
        if self.log:
            value = math.log10(value) if value > 0 else self.low
        unit = max(abs(self.low), abs(self.high))  # differences of the largest floats overflow
        share = (value / unit - self.low / unit) / (self.high / unit - self.low / unit)
        return self.start + (self.end - self.start) * min(1.0, max(0.0, share))

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """Places of at most about so many round numbers, and how they are written."""
        values = self._decades(most) if self.log else self._round(most)
        return [(self.at(value), label) for value, label in values]

    def _round(self, most: int) -> list[tuple[float, str]]:
        least = self.high / most - self.low / most
        size = 10.0 ** math.floor(math.log10(least))
        step = next((step * size for step in (1, 2, 5) if step * size >= least), 10 * size)
        inside = range(math.ceil(self.low / step), math.floor(self.high / step) + 1)
        return list(zip([i * step for i in inside], _written([i * step for i in inside], step), strict=True))

    def _decades(self, most: int) -> list[tuple[float, str]]:
        decades = range(math.floor(self.low), math.ceil(self.high) + 1)
        stride = -(-len(decades) // most)
        digits = (1, 2, 5) if 3 * (self.high - self.low) <= most else (1,)
        values = [digit * 10.0**decade for decade in decades[::stride] if decade <= 307 for digit in digits]
        return [(value, f"{value:g}") for value in values if value and self.low <= math.log10(value) <= self.high]


def linear(values: Iterable[float], start: float, end: float) -> Scale:
    """An axis from the least to the greatest of these finite values, with a margin; of one value around it."""
    values = list(values)
    low, high = min(values), max(values)
    margin = MARGIN * high - MARGIN * low
    least = max(LEAST, 1e-9 * max(abs(low), abs(high)))
    if margin < least:
        margin = max(least, 0.05 * abs(high)) if high else 0.05
    largest = 1e308
    return Scale(max(-largest, low - margin), min(largest, high + margin), start, end)


def logarithmic(low: float, high: float, start: float, end: float) -> Scale:
    """An axis between two positive values, with a margin."""
    margin = math.log10(1.5)
    return Scale(math.log10(low) - margin, math.log10(high) + margin, start, end, log=True)


def _written(values: list[float], step: float) -> list[str]:
    """With as many digits as tell neighbours apart."""
    largest = max(map(abs, values), default=0.0)
    places = -math.floor(math.log10(step) + 1e-9)
    if not largest or 1e-4 <= largest < 1e7:
        return [f"{value:.{max(0, places)}f}" for value in values]
    digits = max(0, math.floor(math.log10(largest)) + places)
    return [f"{value:.{digits}e}" if value else "0" for value in values]
