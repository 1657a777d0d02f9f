"""How long rows take, in memory that does not grow with their number."""

import math
import time

PER_OCTAVE = 16
"""Bins between a time and its double: a quantile is right to 2 %."""

BINS = 64 * PER_OCTAVE
"""From a nanosecond to centuries."""


class Latency:
    """Counts rows and the times they took.

    Attributes:
        rows: how many.
    """

    def __init__(self) -> None:
        self.rows = 0
        self._counts = [0] * BINS
        self._begun: float | None = None
        self._ended = 0.0

    def add(self, arrived: float, rows: int = 1) -> None:
        """
        Args:
            arrived: when the row was there, by `time.perf_counter`; its prediction is out now.
            rows: more than one where they went together; their times are then not told apart.
        """
        self._ended = time.perf_counter()
        if self._begun is None:
            self._begun = arrived
        self.rows += rows
        nanoseconds = max(1.0, (self._ended - arrived) * 1e9)
        self._counts[min(BINS - 1, int(math.log2(nanoseconds) * PER_OCTAVE))] += rows

    @property
    def rows_per_second(self) -> float:
        """From the first row's arrival to the last one's prediction."""
        seconds = self._ended - (self._begun or 0.0)
        return self.rows / seconds if self.rows and seconds > 0 else 0.0

    def quantile(self, share: float) -> float:
        """The time in seconds within which a share of the rows was done; NaN without rows."""
        wanted, below = share * self.rows, 0
        for number, count in enumerate(self._counts):
            below += count
            if count and below >= wanted:
                return 2 ** ((number + 0.5) / PER_OCTAVE) * 1e-9
        return math.nan
