"""How finite signals follow each other in a lane without a gap: packed.

The pieces of a lane, as in lanes.py, lie one behind the other, and windows are cut from the whole. What is dealt out
are steps, in the training too. Signals of 6, 3 and 5 steps in a lane, T = 4, R where the stream begins anew:

    batch 0          batch 1          batch 2          batch 3
    R a0 a1 a2 a3    a4 a5 R b0 b1    b2 R c0 c1 c2    c3 c4 . .
"""

from collections.abc import Sequence

import numpy as np

from seqmodels.datamodules.series.lanes import Segment, Steps, deal


class PackedLanes:
    """G lanes of windows of T steps, without padding but at the end of a lane.

    Attributes:
        windows: as of `Lanes`.
    """

    def __init__(self, segments: Sequence[Segment], lanes: int, window: int, warmup: int) -> None:
        """Arguments as of `Lanes`; steps are dealt out."""
        self.window = window
        self._lanes = [_Lane(pieces, warmup) for pieces in deal(segments, lanes, 1)]
        self.windows = max(-(-lane.steps // window) for lane in self._lanes)

    def at(self, i: int) -> Steps:
        """What window i holds."""
        steps = np.arange(i * self.window, (i + 1) * self.window)
        return Steps(*(np.stack(parts) for parts in zip(*(lane.at(steps) for lane in self._lanes), strict=True)))


class _Lane:
    """The pieces of a lane, one behind the other."""

    def __init__(self, pieces: list[Segment], warmup: int) -> None:
        floors, self._counts_from, stops = np.array(pieces or [Segment(0, 0, 0)]).T
        self._begins = np.maximum(floors, self._counts_from - warmup)
        self._ends = (stops - self._begins).cumsum()
        self._before = self._ends - (stops - self._begins)
        self.steps = int(self._ends[-1])

    def at(self, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        inside = steps < self.steps
        piece = np.searchsorted(self._ends, np.where(inside, steps, 0), "right")
        piece = np.minimum(piece, len(self._ends) - 1)  # of a lane without steps
        within = steps - self._before[piece]
        rows = self._begins[piece] + within
        return np.where(inside, rows, -1), inside & (rows >= self._counts_from[piece]), inside & (within == 0)
