"""How finite signals lie across batches: long ones are cut into lanes, short ones follow each other in a lane.

Training, T = 4, two lanes; a signal of 22 steps and one of 6. The windows of all signals, one after another, are dealt
out in equal runs. A lane begins with a reset (R), and so does every signal:

    signal a   0 1 2 3 | 4 5 6 7 | 8 ...      6 windows, the last padded (.)
    signal b   0 1 2 3 | 4 5 . .              2 windows

               batch 0      batch 1      batch 2      batch 3
    lane 0   R a0 .. a3     a4 .. a7     a8 .. a11    a12 .. a15
    lane 1   R a16 .. a19   a20 a21 . .  R b0 .. b3   b4 b5 . .

Evaluation deals out steps in the same way, not windows, and a piece that begins in the middle of a signal, because its
lane does or because the steps before it belong to another split, first reads `warmup` steps that do not count (w), so
that its state is as if the signal had been read from further back. With warmup = 3, steps 10 to 17 of a signal:

    lane 0   R w7 w8 w9 10     11 12 13 .
    lane 1   R w11 w12 w13 14  15 16 17 .

Every step counts exactly once an epoch, and which steps a window holds is a pure function of its number.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np


class Segment(NamedTuple):
    """Neighbouring steps that count, by their row in the table.

    Attributes:
        floor: the first row of the signal they belong to; what may be read before them.
        start, stop: the steps start, ..., stop - 1 count.
    """

    floor: int
    start: int
    stop: int


class Steps(NamedTuple):
    """What a window holds of each lane.

    Attributes:
        rows: (G, T) of each step; -1 is padding.
        counts: (G, T) bool; what does not is warm-up or padding.
        starts: (G, T) bool, steps at which the lane's stream starts anew; packed lanes do so anywhere, others at the
            first alone.
    """

    rows: np.ndarray
    counts: np.ndarray
    starts: np.ndarray


_PADDING = (0, 0, 0, False)


class Lanes:
    """G lanes of windows of T steps.

    Attributes:
        windows: how many batches an epoch has, that is windows of the longest lane.
    """

    def __init__(self, segments: Sequence[Segment], lanes: int, window: int, unit: int, warmup: int) -> None:
        """
        Args:
            segments: what counts, in order.
            lanes: G.
            window: T.
            unit: what is dealt out: segments are cut at multiples of so many steps only.
            warmup: steps read before a piece, as many as there are.
        """
        self.window, self.warmup = window, warmup
        self._lanes = list(deal(segments, lanes, unit))
        self._ends = [list(accumulate(self._length(piece) for piece in lane)) for lane in self._lanes]
        self.windows = max((ends[-1] for ends in self._ends if ends), default=0)

    def at(self, i: int) -> Steps:
        """What window i holds."""
        lanes = range(len(self._lanes))
        first, counts_from, stop, reset = (
            np.array(one)[:, None] for one in zip(*(self._locate(lane, i) for lane in lanes), strict=True)
        )
        rows = first + np.arange(self.window)
        inside, counts = rows < stop, rows >= counts_from
        return Steps(np.where(inside, rows, -1), inside & counts, reset & (np.arange(self.window) == 0))

    def _locate(self, lane: int, i: int) -> tuple[int, int, int, bool]:
        ends = self._ends[lane]
        number = bisect_right(ends, i)
        if number == len(ends):
            return _PADDING
        piece = self._lanes[lane][number]
        within = i - (ends[number - 1] if number else 0)
        return self._begin(piece) + within * self.window, piece.start, piece.stop, within == 0

    def _begin(self, piece: Segment) -> int:
        return max(piece.floor, piece.start - self.warmup)

    def _length(self, piece: Segment) -> int:
        return -(-(piece.stop - self._begin(piece)) // self.window)


def units(segments: Iterable[Segment], unit: int) -> int:
    """How many units there are to deal out; the last of a segment may be short."""
    return sum(-(-(segment.stop - segment.start) // unit) for segment in segments)


def deal(segments: Sequence[Segment], lanes: int, unit: int) -> Iterator[list[Segment]]:
    """Lane g gets the units [g M // G, (g + 1) M // G) of all M, as pieces of the segments."""
    total, number, before = units(segments, unit), 0, 0  # `before` units lie in the segments before `number`
    for lane in range(lanes):
        first, end = lane * total // lanes, (lane + 1) * total // lanes
        pieces = []
        while first < end:
            floor, start, stop = segments[number]
            after = before + -(-(stop - start) // unit)
            upto = min(end, after)
            pieces.append(Segment(floor, start + (first - before) * unit, min(stop, start + (upto - before) * unit)))
            first = upto
            if upto == after:
                number, before = number + 1, after
        yield pieces
