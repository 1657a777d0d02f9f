"""What is training, validation and test: every series is cut in time, by the rows that are targets.

    rows      0 .............. a ....... b ....... n      step t has row t as input and row t + h as target
    targets   [   training    )[  val   )[  test  )

No target of a split is the target of another, and none of training's inputs or targets lies at or behind a. Where gaps
cut a series into pieces, h steps at the end of each piece have no target.
"""

from collections.abc import Iterator

from seqmodels.datamodules.series.lanes import Segment
from seqmodels.datamodules.series.spec import ShortSeries
from seqmodels.datamodules.series.table import Series, SeriesTable


def cut(
    table: SeriesTable, split: str, val_fraction: float, test_fraction: float, horizon: int, short: ShortSeries
) -> list[Segment]:
    """The steps of `train`, `val` or `test`.

    Args:
        table: of the files that are cut.
        split: which one.
        val_fraction, test_fraction: of each series' rows.
        horizon: h.
        short: what becomes of a series that has no more than h rows.

    Raises:
        ValueError: such a series is not to be skipped, or nothing at all is left for the split.
    """
    segments: list[Segment] = []
    for series in table.series:
        a, b = borders(series, val_fraction, test_fraction)
        start, stop = {"train": (0, a), "val": (a, b), "test": (b, series.rows)}[split]
        segments += _segments(series, start, stop, horizon, short)
    if not segments:
        raise ValueError(
            f"nothing is left for {split}: {_longest(table)} is cut with val_fraction={val_fraction} and "
            f"test_fraction={test_fraction}, horizon={horizon}; give longer series, other fractions, "
            f"or files of their own with datamodule.val_files=[...] and datamodule.test_files=[...]"
        )
    return segments


def whole(table: SeriesTable, horizon: int, short: ShortSeries) -> list[Segment]:
    """All steps, of files that are not cut.

    Raises:
        ValueError: as `cut`.
    """
    segments = [one for series in table.series for one in _segments(series, 0, series.rows, horizon, short)]
    if not segments:
        raise ValueError(
            f"{_longest(table)} leaves no step with horizon={horizon}; give longer series, or a smaller "
            f"datamodule.horizon=NUMBER"
        )
    return segments


def borders(series: Series, val_fraction: float, test_fraction: float) -> tuple[int, int]:
    """a and b, as rows within the series."""
    test = round(series.rows * test_fraction)
    return series.rows - test - round(series.rows * val_fraction), series.rows - test


def training_rows(
    table: SeriesTable, val_fraction: float, test_fraction: float, horizon: int
) -> list[list[tuple[int, int]]]:
    """Rows (start, stop) of the table that training sees of each series, without a gap within each; none of a series
    that is too short.
    """
    found = []
    for series in table.series:
        a, _ = borders(series, val_fraction, test_fraction)
        pieces = series.pieces() if series.rows > horizon else []
        found.append([(series.begin + p, series.begin + min(q, a)) for p, q in pieces if p < a])
    return found


def _segments(series: Series, start: int, stop: int, horizon: int, short: ShortSeries) -> Iterator[Segment]:
    """The steps whose targets are the rows start, ..., stop - 1 of the series."""
    if series.rows <= horizon and short == "error":
        raise ValueError(
            f"{series.name} has {series.rows:,} rows, which is too short: with horizon={horizon} a series needs at "
            f"least {horizon + 1}; datamodule.short_series=skip leaves such series out, or give a smaller "
            f"datamodule.horizon=NUMBER"
        )
    for p, q in series.pieces():
        first, end = max(p, start - horizon), min(q, stop) - horizon
        if first < end:
            yield Segment(*(series.begin + row for row in (p, first, end)))


def _longest(table: SeriesTable) -> str:
    longest = max(table.series, key=lambda series: series.rows)
    others = f", the longest of {len(table.series)} series," if len(table.series) > 1 else ""
    return f"{longest.name}{others} with {longest.rows:,} rows"
