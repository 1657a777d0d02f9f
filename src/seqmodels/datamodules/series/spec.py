"""How a table of series is made of files, and how its steps become windows."""

from typing import Literal, NamedTuple

from seqmodels.datamodules.missing import Missing, RepeatedTimes
from seqmodels.tables.formats import Marks

Gaps = Literal["error", "reset", "ignore", "dt"]
ShortSeries = Literal["error", "skip"]


class TableSpec(NamedTuple):
    """Everything but the files that the contents of a table depend on; see `SeriesStream` for what it means."""

    inputs: list[str]
    targets: list[str]
    time: str | None
    group: str | None
    missing: Missing
    gaps: Gaps
    time_step: float | None
    marks: Marks
    repeated_times: RepeatedTimes = "error"


class WindowSpec(NamedTuple):
    """How steps become windows; see `SeriesStream`."""

    horizon: int
    window: int
    num_streams: int
    warmup: int
    season: int
    short_series: ShortSeries = "error"
    packed: bool = False
