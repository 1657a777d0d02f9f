"""Numbers and names as people read them."""

import math

from seqmodels.reporting.statistics import Difference, Summary
from seqmodels.system.terminal import printable

LONGEST = 300


def clean(text: object) -> str:
    """A name from a file on one line, without what would steer a terminal."""
    line = printable(text)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def number(value: float | None, like: float | None = None) -> str:
    """A number, to the place where the second digit of `like` (a deviation) stands; "-" for none."""
    if value is None:
        return "-"
    if not like or not math.isfinite(like) or not math.isfinite(value):
        return f"{value:.4g}"
    places = 1 - math.floor(math.log10(abs(like)))
    size = math.floor(math.log10(abs(value))) if value else 0
    if size > 6 or places > 8:
        return f"{value:.{max(1, min(8, size + places))}e}"
    return f"{value:.{max(0, places)}f}"


def interval(value: Summary | Difference) -> str:
    """Both ends, or "-"."""
    if value.low is None or value.high is None:
        return "-"
    like = (value.high - value.low) / 4 if isinstance(value, Difference) else value.sd
    return f"[{number(value.low, like)}, {number(value.high, like)}]"


def spread(value: Summary | None) -> str:
    """`0.9631 ± 0.0042 [0.9589, 0.9673]`: mean, standard deviation, interval."""
    if value is None:
        return "-"
    if value.sd is None:
        return number(value.mean)
    return f"{number(value.mean, value.sd)} ± {number(value.sd, value.sd)} {interval(value)}"


def count(value: float | None) -> str:
    """A large number with its thousands apart."""
    return "-" if value is None else f"{value:,.0f}"


def duration(seconds: float | None) -> str:
    """`4.6 s`, `2 min 05 s`, `3 h 20 min`."""
    if seconds is None:
        return "-"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60:,} h {minutes % 60:02} min"


def plural(number_of: int, thing: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number_of:,} {thing}{'' if number_of == 1 else 's'}"
