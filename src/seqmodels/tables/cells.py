"""The cells of one column, from pyarrow to NumPy: numbers or texts; the first that will not do is named.

What a cell means is told in `numbers.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqmodels.tables.formats import Marks
from seqmodels.tables.numbers import MISSING, hint, missing_values, shown

if TYPE_CHECKING:
    import pyarrow as pa


class BadCell(ValueError):
    """A cell that is not what the column should hold; `index` counts from 0 within the block."""

    def __init__(self, index: int, text: str, expected: str) -> None:
        super().__init__(f"{shown(text)} is not {expected}")
        self.index = index


class Texts(NamedTuple):
    """A block of a column of texts, (n,) cells.

    Attributes:
        values: the different texts of the block, in the order in which they appear.
        codes: (n,) int64, where in `values` a cell's text stands; -1 for an empty cell.
    """

    values: list[str]
    codes: np.ndarray


def as_numbers(column: pa.Array, marks: Marks = Marks()) -> np.ndarray:  # noqa: B008, it cannot change
    """(n,) float64, NaN where a cell is missing; true is 1, false is 0.

    Raises:
        BadCell: a text that is no number.
        TypeError: the column holds something else, dates for instance.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    column, types = plain(column), pa.types
    kind = column.type
    if types.is_string(kind):
        texts = with_point(trimmed(column, missing_values(marks).texts), marks.decimal)
        lower = pc.utf8_lower(texts)
        texts = pc.if_else(pc.equal(lower, "true"), "1", pc.if_else(pc.equal(lower, "false"), "0", texts))
        column = cast(
            texts, lambda part: pc.cast(part, pa.float64()), column, lambda text: f"a number{hint(text, marks)}"
        )
    elif not (
        types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_decimal(kind)
        or types.is_boolean(kind)
        or types.is_null(kind)
    ):
        raise TypeError(f"holds {kind}, not numbers")
    values = pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    listed = missing_values(marks).numbers
    if not listed:
        return values
    narrow = types.is_floating(kind) and kind.bit_width < 64  # -99.9 of a float32 column is not that of a double
    own = np.dtype(f"f{kind.bit_width // 8}") if narrow else np.dtype(np.float64)
    with np.errstate(over="ignore"):
        return np.where(np.isin(values, np.array(listed).astype(own)), np.nan, values)


def as_texts(column: pa.Array) -> Texts:
    """Each different text once, and where it stands; numbers become their shortest text.

    Raises:
        TypeError: the column holds something else, lists for instance.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = plain(column)
    if pa.types.is_floating(texts.type):
        texts = _whole(texts)
    if not pa.types.is_string(texts.type):
        try:
            texts = pc.cast(texts, pa.string())
        except pa.ArrowNotImplementedError as error:
            raise TypeError(f"holds {texts.type}, not texts") from error
    texts = pc.if_else(pc.equal(texts, ""), None, texts)
    encoded = texts.dictionary_encode()
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    return Texts(encoded.dictionary.to_pylist(), codes.astype(np.int64))


def plain(column: pa.Array) -> pa.Array:
    """Without a dictionary, texts and what was saved as bytes as plain strings.

    Raises:
        TypeError: bytes that are no UTF-8.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    types = pa.types
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if types.is_fixed_size_binary(column.type):
        column = pc.cast(column, pa.binary())
    if types.is_binary(column.type) or types.is_large_binary(column.type) or types.is_binary_view(column.type):
        try:
            return pc.cast(column, pa.string())
        except pa.ArrowInvalid as error:
            raise TypeError("holds bytes that are not UTF-8") from error
    if types.is_large_string(column.type) or types.is_string_view(column.type):
        return pc.cast(column, pa.string())
    return column


def trimmed(texts: pa.Array, more: Iterable[str] = ()) -> pa.Array:
    """Without white space around them; null where a cell is missing, or one of `more`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.utf8_trim_whitespace(texts)
    return pc.if_else(pc.is_in(texts, pa.array([*MISSING, *more])), None, texts)


def with_point(texts: pa.Array, decimal: str) -> pa.Array:
    """As `numbers.pointed`."""
    import pyarrow.compute as pc

    return texts if decimal == "." else pc.replace_substring(pc.replace_substring(texts, ".", "?"), decimal, ".")


def cast(
    texts: pa.Array, cast: Callable[[pa.Array], pa.Array], written: pa.Array, expected: Callable[[str], str]
) -> pa.Array:
    """`cast(texts)`; if that fails, halving finds the first cell it fails at, named as it was `written`.

    Raises:
        BadCell: that cell.
    """
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
        text = str(written[first])
        raise BadCell(first, text, expected(text)) from error


def _whole(column: pa.Array) -> pa.Array:
    """As integers if all are: a column that has a hole holds 7.0 for what is 7 in another file; NaN is a hole."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = pc.if_else(pc.is_nan(column), None, column)
    try:
        return pc.cast(column, pa.int64())
    except pa.ArrowInvalid:
        return column
