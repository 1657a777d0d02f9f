"""Time within a stream: it must go forward, and a stream may begin anew where it jumps."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from seqmodels.datamodules.series.clock import JUMP
from seqmodels.predicting.rows.cells import Literal
from seqmodels.predicting.rows.errors import BadRow
from seqmodels.tables.dates import NUMBER, SECOND, moment
from seqmodels.tables.formats import Marks
from seqmodels.tables.numbers import shown

Time = int | float
"""A number as the input has it, or a date in nanoseconds since 1970, in UTC if no zone is given."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock:
    """Reads times, all of them numbers or all of them dates.

    Attributes:
        dates: which of the two; None before the first.
    """

    def __init__(self, cfg: Mapping[Any, Any], marks: Marks) -> None:
        """
        Args:
            cfg: of the datamodule; with `gaps=reset` and a `time_step` streams begin anew behind a gap.
            marks: how times are written.
        """
        self.dates: bool | None = None
        self._marks, self._keeps = marks, cfg.get("repeated_times") == "keep"
        self._step = cfg.get("time_step")
        step = self._step if cfg.get("gaps") == "reset" else None
        self._longest = math.inf if step is None else JUMP * step

    def read(self, cell: Any) -> Time:
        """
        Raises:
            BadRow: the cell is no time, or one of the other kind.
        """
        found, date = self._parsed(cell)
        if self.dates is None:
            self.dates = date
        if date != self.dates:
            raise BadRow(f"{shown(str(cell))} is not {'a date' if self.dates else 'a number'} like the times before it")
        return found

    def _parsed(self, cell: Any) -> tuple[Time, bool]:
        plain = isinstance(cell, int | float) and not isinstance(cell, bool)
        if plain and math.isfinite(cell) and self._marks.time_format in (None, NUMBER):
            return cell, False
        try:
            marks = self._marks._replace(decimal=".") if isinstance(cell, Literal) else self._marks
            found, date = moment("" if cell is None else str(cell), marks)
        except ValueError as error:
            raise BadRow(str(error)) from None
        if found != found:
            raise BadRow("the time is missing")
        return found, date

    def check(self, now: Time, before: Time) -> None:
        """
        Raises:
            BadRow: time does not go forward.
        """
        if not (now > before or (now == before and self._keeps)):
            raise BadRow(f"the time {self._written(now)} after {self._written(before)} does not go forward")

    def jumps(self, now: Time, before: Time) -> bool:
        """Whether there is a gap behind which a stream begins anew."""
        return now - before > (self._longest * SECOND if self.dates else self._longest)

    def steps(self, now: Time, before: Time, step: float) -> float:
        """The time between, in steps, of dates in seconds."""
        return (now - before) / (step * SECOND if self.dates else step)

    def ahead(self, now: Time | None, last_step: Time | None, rows: int) -> Any:
        """The time so many rows later, as a cell: by the run's `time_step`, else by the stream's last step."""
        step = last_step if self._step is None else self._step * (SECOND if self.dates else 1)
        if now is None or step is None:
            return None
        then = now + rows * step
        return self._written(then) if self.dates else then

    def _written(self, moment: Time) -> str:
        if not self.dates:
            return str(moment)
        seconds, nanoseconds = divmod(int(moment), SECOND)
        fraction = f".{nanoseconds:09}".rstrip("0") if nanoseconds else ""
        return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}{fraction}"
