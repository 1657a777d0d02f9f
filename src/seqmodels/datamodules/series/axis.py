"""When something was in the user's own signals: for figures."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqmodels.datamodules.series.lanes import Segment
from seqmodels.datamodules.series.table import SeriesTable


class Axis(NamedTuple):
    """The time of one series.

    Attributes:
        begin: its first row in the table.
        label: what `times` are: the name of a column, or "row".
        times: (n,) numbers or dates, of each of its rows.
        part: where in it the split has its targets, in words.
    """

    begin: int
    label: str
    times: np.ndarray
    part: str


def axis(table: SeriesTable, segments: Sequence[Segment], horizon: int, row: int) -> Axis:
    """Of the series that a row of the table belongs to.

    Args:
        table: of a split.
        segments: the split.
        horizon: h; the targets of a segment's steps are h rows further on.
        row: any.
    """
    begins = [series.begin for series in table.series]
    name, begin, rows, _ = table.series[int(np.searchsorted(begins, row, "right")) - 1]
    inside = [segment for segment in segments if begin <= segment.start < begin + rows]
    low, high = min(segment.start for segment in inside), max(segment.stop for segment in inside)
    where = name if table.spec.group else Path(name).name  # a path would be wider than a figure
    part = f"rows {low + horizon - begin + 1:,} to {high + horizon - begin:,} of the {rows:,} in {where}"
    if table.times is None:
        return Axis(begin, "row", np.arange(1, rows + 1), part)
    return Axis(begin, str(table.spec.time), table.times[begin : begin + rows], part)
