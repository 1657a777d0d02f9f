"""The cells of one column, from pyarrow to NumPy: numbers, texts or times; the first that will not do is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


MISSING = ("", "NA", "N/A", "n/a", "#N/A", "#NA", "NaN", "nan", "-NaN", "-nan", "NULL", "null", "<NA>", "None")
"""How a number that is missing may be written."""


class BadCell(ValueError):
    """A cell that is not what the column should hold; `index` counts from 0 within the block."""

    def __init__(self, index: int, text: str, expected: str) -> None:
        super().__init__(f"{text!r} is not {expected}")
        self.index = index


class Texts(NamedTuple):
    """A block of a column of texts, (n,) cells.

    Attributes:
        values: the different texts of the block, in the order in which they appear.
        codes: (n,) int64, where in `values` a cell's text stands; -1 for an empty cell.
    """

    values: list[str]
    codes: np.ndarray


def as_numbers(column: pa.Array, decimal: str = ".") -> np.ndarray:
    """(n,) float64, NaN where a cell is missing; true is 1, false is 0.

    Raises:
        BadCell: a text that is no number.
        TypeError: the column holds something else, dates for instance.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    column, types = _plain(column), pa.types
    if types.is_string(column.type):
        texts = _pointed(_trimmed(column), decimal)
        lower = pc.utf8_lower(texts)
        texts = pc.if_else(pc.equal(lower, "true"), "1", pc.if_else(pc.equal(lower, "false"), "0", texts))
        column = _cast(texts, lambda part: pc.cast(part, pa.float64()), column, f"a number{_hint(column, decimal)}")
    elif not (
        types.is_integer(column.type)
        or types.is_floating(column.type)
        or types.is_decimal(column.type)
        or types.is_boolean(column.type)
        or types.is_null(column.type)
    ):
        raise TypeError(f"holds {column.type}, not numbers")
    return pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False)


def as_texts(column: pa.Array) -> Texts:
    """Each different text once, and where it stands; numbers become their shortest text.

    Raises:
        TypeError: the column holds something else, lists for instance.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = _plain(column)
    if not pa.types.is_string(texts.type):
        try:
            texts = pc.cast(texts, pa.string())
        except pa.ArrowNotImplementedError as error:
            raise TypeError(f"holds {texts.type}, not texts") from error
    texts = pc.if_else(pc.equal(texts, ""), None, texts)
    encoded = texts.dictionary_encode()
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    return Texts(encoded.dictionary.to_pylist(), codes.astype(np.int64))


def as_times(column: pa.Array, decimal: str = ".") -> np.ndarray:
    """(n,) int64 or float64 if the times are numbers, else datetime64[ns], in UTC where a zone is given.

    NaN and NaT stand for what is missing.

    Raises:
        BadCell: a text that is neither a number nor a date in ISO 8601.
        TypeError: the column holds something else, or dates outside of the years 1678 to 2261.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    column, types = _plain(column), pa.types
    if types.is_string(column.type):
        dates = _trimmed(column)
        numbers = _pointed(dates, decimal)
        for kind in (pa.float64(), pa.timestamp("ns"), pa.timestamp("ns", "UTC")):
            texts = dates if types.is_timestamp(kind) else numbers
            first = texts.drop_null()[:1]
            if len(first) and _castable(first, kind):
                expected = "a time like those above it" if types.is_timestamp(kind) else "a number like those above it"
                kind = pa.int64() if types.is_floating(kind) and _castable(texts, pa.int64()) else kind
                column = _cast(texts, lambda part, kind=kind: pc.cast(part, kind), column, expected)  # type: ignore[misc]
                break
        else:
            raise BadCell(0, str(column[0]), "a time; give numbers, or dates in ISO 8601 such as 2024-05-01 13:30:00")
    if types.is_timestamp(column.type) or types.is_date(column.type):
        zone = getattr(column.type, "tz", None)
        try:
            column = pc.cast(column, pa.timestamp("ns", zone))
        except pa.ArrowInvalid as error:
            raise TypeError("holds dates outside of the years 1678 to 2261, which nanoseconds cannot count") from error
        return column.to_numpy(zero_copy_only=False).astype("datetime64[ns]")
    if types.is_integer(column.type) and not column.null_count:
        return pc.cast(column, pa.int64()).to_numpy()
    if types.is_integer(column.type) or types.is_floating(column.type) or types.is_decimal(column.type):
        return pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    raise TypeError(f"holds {column.type}, not times")


def _plain(column: pa.Array) -> pa.Array:
    """Without a dictionary, texts as plain strings."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
        return pc.cast(column, pa.string())
    return column


def _trimmed(texts: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.utf8_trim_whitespace(texts)
    return pc.if_else(pc.is_in(texts, pa.array(MISSING)), None, texts)


def _pointed(texts: pa.Array, decimal: str) -> pa.Array:
    """With a point before the decimals; where that is written otherwise, a point is no part of a number.

    1.234 may be a thousand there.
    """
    import pyarrow.compute as pc

    return texts if decimal == "." else pc.replace_substring(pc.replace_substring(texts, ".", "?"), decimal, ".")


def _castable(texts: pa.Array, kind: pa.DataType) -> bool:
    import pyarrow as pa

    try:
        texts.cast(kind)
    except pa.ArrowInvalid:
        return False
    return True


def _cast(texts: pa.Array, cast: Callable[[pa.Array], pa.Array], written: pa.Array, expected: str) -> pa.Array:
    """`cast(texts)`; if that fails, halving finds the first cell it fails at, named as it was `written`."""
    import pyarrow as pa

    try:
        return cast(texts)
    except pa.ArrowInvalid as error:
        first, length = 0, len(texts)
        while length > 1:
            half = length // 2
            try:
                cast(texts[first : first + half])
                first, length = first + half, length - half
            except pa.ArrowInvalid:
                length = half
        raise BadCell(first, str(written[first]), expected) from error


def _hint(column: pa.Array, decimal: str) -> str:
    """What to do about decimal commas."""
    import pyarrow.compute as pc

    comma = decimal == "." and pc.any(pc.match_substring_regex(column, r"^\s*[+-]?\d+,\d+\s*$")).as_py()
    return "; where commas separate the decimals, give 'datamodule.decimal=\",\"'" if comma else ""
