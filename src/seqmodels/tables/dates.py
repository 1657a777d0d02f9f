"""What a cell means as a time: one rule, for the rows that are trained on and for those that are predicted.

    7  2.5                                       numbers
    2024-05-01  2024-05-01 13:30:00.25+01:00     dates of ISO 8601, in UTC where they name a zone
    20240501T133000  1949-01  1970 Q1            its short form; the first day of a month or of a quarter
    31.05.2024 13:30                             by a `time_format`, here %d.%m.%Y %H:%M

`moment` reads one cell; `times.as_times` reads columns through pyarrow. A law in the tests holds them to the same.
"""

import math
import re
from datetime import UTC, datetime, timedelta

from seqmodels.tables.formats import Marks
from seqmodels.tables.numbers import TRUTH, number, pointed, shown

SECOND = 1_000_000_000
"""In the nanoseconds that dates are counted in."""

NUMBER = "number"
"""The `time_format` of whole numbers that only look like dates."""

_ZONE = r"(Z|[+-][0-9]{2}(?::?[0-9]{2})?)"

WRITTEN_OUT = (
    (r"^([0-9]{4})-([0-9]{2})$", r"\1-\2-01"),
    *((rf"^([0-9]{{4}})[ -]?[Qq]{quarter}$", rf"\1-{3 * quarter - 2:02}-01") for quarter in range(1, 5)),
    (rf"^([0-9]{{4}})([0-9]{{2}})([0-9]{{2}})T([0-9]{{2}})([0-9]{{2}}){_ZONE}?$", r"\1-\2-\3T\4:\5\6"),
    (
        rf"^([0-9]{{4}})([0-9]{{2}})([0-9]{{2}})T([0-9]{{2}})([0-9]{{2}})([0-9]{{2}}(?:\.[0-9]+)?){_ZONE}?$",
        r"\1-\2-\3T\4:\5:\6\7",
    ),
    (rf"([0-9]) {_ZONE}$", r"\1\2"),
)
"""Patterns, and how what they match is written in full."""

DATE = re.compile(
    rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([ T][0-9]{{2}}(:[0-9]{{2}}(:[0-9]{{2}}(\.[0-9]{{1,9}})?)?)?{_ZONE}?)?"
)
"""A date that is written in full."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST = 2**63 // SECOND


def moment(cell: str, marks: Marks = Marks()) -> tuple[int | float, bool]:  # noqa: B008, it cannot change
    """A cell as a time, and whether it is a date.

    Args:
        cell: as it stands in the file; white space around it does not count.
        marks: of the file.

    Returns:
        A number, or nanoseconds since 1970; NaN where the cell is missing.

    Raises:
        ValueError: it is neither, or infinite, or outside of the years 1678 to 2261.
    """
    text = cell.strip()
    if marks.time_format not in (None, NUMBER):
        assert marks.time_format
        return (math.nan if _is_missing(text, marks) else by_format(text, marks.time_format)), True
    if DATE.fullmatch(text):
        return _nanoseconds(text), True
    try:
        found = number(text, marks._replace(missing_values=()))
    except ValueError:
        return _nanoseconds(text), True
    if text.lower() in TRUTH:
        raise ValueError(f"{shown(text)} is not a time; {expected(text)}")
    if math.isinf(found):
        raise ValueError(f"{shown(text)} is not a finite time")
    plain = text if marks.decimal == "." else pointed(text, marks.decimal)
    return (int(plain) if re.fullmatch(r"[+-]?[0-9]+", plain) else found), False


def by_format(text: str, time_format: str) -> int:
    """
    Raises:
        ValueError: the text is not written so.
    """
    try:
        found = datetime.strptime(text, time_format)
    except ValueError:
        raise ValueError(f"{shown(text)} is not a time as {time_format} writes it") from None
    return _since_1970(found, text)


def check_format(time_format: str) -> None:
    """
    Raises:
        ValueError: it says nothing about a time, or nothing that can be read.
    """
    now = datetime.now(UTC)
    try:
        useful = "%" in time_format and by_format(now.strftime(time_format), time_format)
    except ValueError:
        useful = False
    if not useful:
        raise ValueError(
            f"time_format={time_format!r} says nothing about a date; give one such as '%d.%m.%Y %H:%M', in the codes "
            f"of Python's strptime, or {NUMBER} for numbers"
        )


def looks_like_dates(numbers: list[int]) -> bool:
    """Whether whole numbers, two at least, all read YYYYMMDD; a counter soon passes a thirteenth month."""
    return len(numbers) > 1 and all(18000101 <= one <= 22001231 and _is_day(one) for one in numbers)


def _is_day(one: int) -> bool:
    try:
        datetime(one // 10000, one // 100 % 100, one % 100, tzinfo=UTC)
    except ValueError:
        return False
    return True


def _is_missing(text: str, marks: Marks) -> bool:
    try:
        return math.isnan(number(text, marks._replace(missing_values=())))
    except ValueError:
        return False


def _nanoseconds(text: str) -> int:
    written = text
    if not DATE.fullmatch(written):
        for pattern, full in WRITTEN_OUT:
            written = re.sub(pattern, full, written)
    if not DATE.fullmatch(written):
        raise ValueError(f"{shown(text)} is not a time; {expected(text)}")
    whole, _, rest = written.partition(".")  # datetime itself ends at microseconds
    zone = rest.lstrip("0123456789")
    try:
        found = datetime.fromisoformat(whole + zone)
    except ValueError:
        raise ValueError(f"{shown(text)} is not a time; {expected(text)}") from None
    return _since_1970(found, text) + int(f"{rest[: len(rest) - len(zone)]:0<9}")


def _since_1970(found: datetime, text: str) -> int:
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    since = found - _EPOCH
    seconds = since // timedelta(seconds=1)
    if abs(seconds) >= _LONGEST:
        raise ValueError(f"{shown(text)} is outside of the years 1678 to 2261, which nanoseconds can count")
    return seconds * SECOND + since.microseconds * 1000


def expected(text: str) -> str:
    """What to do about a text that is no time."""
    remedy = "give numbers, or dates in ISO 8601 such as 2024-05-01 13:30:00"
    if any(map(str.isdigit, text)):
        remedy += "; other dates by their form, such as 'datamodule.time_format=\"%d.%m.%Y %H:%M\"'"
    return remedy
