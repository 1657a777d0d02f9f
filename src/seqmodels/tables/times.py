"""The times of one column, from pyarrow to NumPy; what a cell means is told in `dates.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqmodels.tables.cells import BadCell, as_texts, cast, plain, trimmed, with_point
from seqmodels.tables.dates import NUMBER, SECOND, WRITTEN_OUT, by_format, expected
from seqmodels.tables.formats import Marks

if TYPE_CHECKING:
    import pyarrow as pa


OUTSIDE = "holds dates outside of the years 1678 to 2261, which nanoseconds cannot count"


def as_times(column: pa.Array, marks: Marks = Marks()) -> np.ndarray:  # noqa: B008, it cannot change
    """(n,) int64 or float64 if the times are numbers, else datetime64[ns], in UTC where a zone is given.

    NaN and NaT stand for what is missing. Durations and times of day are seconds.

    Raises:
        BadCell: a text that is neither a number nor a date, or an infinite number.
        TypeError: the column holds something else, or dates outside of the years 1678 to 2261.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    column, types = plain(column), pa.types
    if marks.time_format not in (None, NUMBER) and not types.is_temporal(column.type):
        assert marks.time_format
        return _formatted(column, marks.time_format)
    if types.is_string(column.type):
        column = _parsed(column, marks)
    if types.is_duration(column.type) or types.is_time(column.type):
        return _seconds(column)
    if types.is_timestamp(column.type) or types.is_date(column.type):
        zone = getattr(column.type, "tz", None)
        try:
            column = pc.cast(column, pa.timestamp("ns", zone))
        except pa.ArrowInvalid as error:
            raise TypeError(OUTSIDE) from error
        return column.to_numpy(zero_copy_only=False).astype("datetime64[ns]")
    if types.is_integer(column.type) and not column.null_count:
        return pc.cast(column, pa.int64()).to_numpy()
    if types.is_integer(column.type) or types.is_floating(column.type) or types.is_decimal(column.type):
        return _finite(pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False))
    if types.is_null(column.type):
        return np.full(len(column), np.nan)
    raise TypeError(f"holds {column.type}, not times")


def _parsed(column: pa.Array, marks: Marks) -> pa.Array:
    """Texts as numbers or dates, whichever the first is."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = trimmed(column)
    first = texts.drop_null()[:1]
    if not len(first):
        return pa.nulls(len(column))
    numbers, dates = with_point(texts, marks.decimal), _written_out(texts)
    for kind, written in (
        (pa.int64(), numbers),
        (pa.float64(), numbers),
        (pa.timestamp("ns"), dates),
        (pa.timestamp("ns", "UTC"), dates),
    ):
        if _castable(written if kind == pa.int64() else written.drop_null()[:1], kind):
            expected_kind = "time" if pa.types.is_timestamp(kind) else "number"
            return _all(written, kind, column, f"a {expected_kind} like those above it")
    index = pc.index(pc.is_valid(texts), True).as_py()
    raise BadCell(index, str(column[index]), f"a time; {expected(first[0].as_py())}")


def _all(texts: pa.Array, kind: pa.DataType, written: pa.Array, expected: str) -> pa.Array:
    import pyarrow.compute as pc

    return cast(texts, lambda part: pc.cast(part, kind), written, lambda _: expected)


def _written_out(texts: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    for pattern, full in WRITTEN_OUT:
        texts = pc.replace_substring_regex(texts, pattern, full)
    return texts


def _formatted(column: pa.Array, time_format: str) -> np.ndarray:
    """By Python, text by text, since other libraries read formats in other ways."""
    import pyarrow as pa

    texts = as_texts(column if not pa.types.is_string(column.type) else trimmed(column))
    moments = np.empty(len(texts.values) + 1, np.int64)
    moments[-1] = np.iinfo(np.int64).min  # NaT, where code -1 is missing
    for code, text in enumerate(texts.values):
        try:
            moments[code] = by_format(text, time_format)
        except ValueError as error:
            index = int((texts.codes == code).argmax())
            raise BadCell(index, text, f"a time as datamodule.time_format={time_format!r} writes it") from error
    return moments[texts.codes].view("datetime64[ns]")


def _seconds(column: pa.Array) -> np.ndarray:
    import pyarrow as pa
    import pyarrow.compute as pc

    units = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": SECOND}
    counted = pc.cast(pc.cast(column, pa.int32() if column.type.bit_width == 32 else pa.int64()), pa.float64())
    return counted.to_numpy(zero_copy_only=False) / units[column.type.unit]


def _finite(times: np.ndarray) -> np.ndarray:
    infinite = np.flatnonzero(np.isinf(times))
    if len(infinite):
        raise BadCell(int(infinite[0]), str(times[infinite[0]]), "a finite time")
    return times


def _castable(texts: pa.Array, kind: pa.DataType) -> bool:
    import pyarrow as pa

    try:
        texts.cast(kind)
    except pa.ArrowInvalid:
        return False
    return True
