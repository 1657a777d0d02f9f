"""What stands beside a prediction: the time that it is of, and whether its stream is warm."""

from typing import Any

from seqmodels.predicting.predictor import Stream
from seqmodels.predicting.rows.clock import Clock


class Notes:
    """Makes them.

    Attributes:
        names: of their columns.
        warmup: rows that a stream has to read before it is warm; 0 leaves that column out.
        cold: predictions so far whose stream was not.
    """

    def __init__(self, clock: Clock, time: str | None, horizon: int, warmup: int) -> None:
        """
        Args:
            clock: of the run.
            time: the column of times; None where there is none.
            horizon: rows from a row to what is predicted beside it.
            warmup: as above.
        """
        self._clock, self._horizon = clock, horizon if time is not None else 0
        self.warmup, self.cold = warmup, 0
        self.names = [*([f"{time}_pred"] if self._horizon else []), *(["warm"] if warmup else [])]

    def of(self, stream: Stream) -> tuple[Any, ...]:
        """The cells beside a row, of its stream behind it."""
        cells: list[Any] = []
        if self._horizon:
            cells.append(self._clock.ahead(stream.time, stream.step, self._horizon))
        if self.warmup:
            warm = stream.read > self.warmup
            self.cold += not warm
            cells.append(warm)
        return tuple(cells)
