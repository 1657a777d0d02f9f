"""Time within a stream: it must go forward, and a stream may begin anew where it jumps."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from omegaconf import DictConfig

from seqmodels.datamodules.series.clock import JUMP, SECOND
from seqmodels.predicting.rows.errors import BadRow
from seqmodels.tables.cells import MISSING

Time = int | float
"""A number as the input has it, or a date in nanoseconds since 1970, in UTC if no zone is given."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock:
    """Reads times, all of them numbers or all of them dates.

    Attributes:
        dates: which of the two; None before the first.
    """

    def __init__(self, cfg: DictConfig) -> None:
        """
        Args:
            cfg: of the datamodule; with `gaps=reset` and a `time_step` streams begin anew behind a gap.
        """
        self.dates: bool | None = None
        step = cfg.get("time_step") if cfg.get("gaps") == "reset" else None
        self._longest = math.inf if step is None else JUMP * step

    def read(self, cell: Any) -> Time:
        """
        Raises:
            BadRow: the cell is no time, or one of the other kind.
        """
        moment, date = _parsed(cell)
        if self.dates is None:
            self.dates = date
        if date != self.dates:
            raise BadRow(f"{str(cell)!r} is not {'a date' if self.dates else 'a number'} like the times before it")
        return moment

    def check(self, now: Time, before: Time) -> None:
        """
        Raises:
            BadRow: time does not go forward.
        """
        if not now > before:
            raise BadRow(f"the time {self._written(now)} after {self._written(before)} does not go forward")

    def jumps(self, now: Time, before: Time) -> bool:
        """Whether there is a gap behind which a stream begins anew."""
        return now - before > (self._longest * SECOND if self.dates else self._longest)

    def _written(self, moment: Time) -> str:
        if not self.dates:
            return str(moment)
        seconds, nanoseconds = divmod(int(moment), SECOND)
        fraction = f".{nanoseconds:09}".rstrip("0") if nanoseconds else ""
        return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}{fraction}"


def _parsed(cell: Any) -> tuple[Time, bool]:
    if isinstance(cell, int | float) and not isinstance(cell, bool) and cell == cell:
        return cell, False
    text = "" if cell is None else str(cell).strip()
    if text in MISSING:
        raise BadRow("the time is missing")
    for kind in (int, float):
        try:
            return kind(text), False
        except ValueError:
            pass
    try:
        return _nanoseconds(text), True
    except ValueError:
        raise BadRow(
            f"{text!r} is not a time; give numbers, or dates in ISO 8601 such as 2024-05-01 13:30:00"
        ) from None


def _nanoseconds(text: str) -> int:
    whole, _, rest = text.partition(".")  # datetime itself ends at microseconds
    zone = rest.lstrip("0123456789")
    digits = rest[: len(rest) - len(zone)]
    moment = datetime.fromisoformat(whole + zone)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(seconds=1) * SECOND + int(f"{digits:0<9.9}")
