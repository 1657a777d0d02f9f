"""CSV files through pyarrow, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seqmodels.tables.formats import Marks

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import csv


SUFFIXES = (".csv",)

BLOCK = 2**22
"""Bytes of a block; no row may be longer."""


def column_names(path: Path, marks: Marks) -> list[str]:
    """The header.

    Raises:
        ValueError: there is none, or it is not UTF-8.
    """
    import pyarrow as pa

    try:
        return _open(path, [], [], marks, lambda row: "skip").schema.names
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: the header is not UTF-8; save the file as UTF-8") from error
    except pa.ArrowInvalid as error:
        if "mpty CSV" in str(error):
            raise ValueError(f"{path} holds no rows; expected a header and at least one row below it") from error
        raise _unreadable(path, error) from error


def batches(path: Path, numbers: Sequence[str], others: Sequence[str], marks: Marks) -> Iterator[dict[str, pa.Array]]:
    """Blocks of the wanted columns, `numbers` as float64 and `others` as strings.

    From the first block on that does not convert, `numbers` come as strings too: there the reader of the cells can name
    the one that is to blame.

    Raises:
        ValueError: a row has too few or too many cells; the file is not UTF-8.
    """
    import pyarrow as pa

    done = 0
    try:
        for batch in _open(path, numbers, others, marks):
            yield dict(zip(batch.schema.names, batch.columns, strict=True))
            done += len(batch)
        return
    except pa.ArrowInvalid:
        pass
    ragged: list[csv.InvalidRow] = []

    def note(row: csv.InvalidRow) -> str:
        ragged.append(row)
        return "error"

    try:
        for batch in _open(path, [], [*numbers, *others], marks, note, one_thread=True):
            if done < len(batch):
                rest = batch.slice(done)
                yield dict(zip(rest.schema.names, rest.columns, strict=True))
            done = max(0, done - len(batch))
    except pa.ArrowInvalid as error:
        raise (_uneven(path, ragged[0], marks.delimiter) if ragged else _unreadable(path, error)) from error


def _uneven(path: Path, row: csv.InvalidRow, delimiter: str) -> ValueError:
    text = row.text if len(row.text) < 80 else f"{row.text[:80]}…"
    return ValueError(
        f"{path}, row {row.number - 1}: {row.actual_columns} cells where the header has {row.expected_columns}: "
        f"{text}; a cell that holds a {delimiter!r} must stand in quotes"
    )


def _unreadable(path: Path, error: Exception) -> ValueError:
    return ValueError(
        f"{path} cannot be read as CSV: {error}{'; save the file as UTF-8' if 'UTF8' in str(error) else ''}"
    )


def _open(
    path: Path,
    numbers: Sequence[str],
    others: Sequence[str],
    marks: Marks,
    uneven: Callable[[csv.InvalidRow], str] | None = None,
    one_thread: bool = False,
) -> csv.CSVStreamingReader:
    """`uneven` hears of rows with another number of cells than the header; one thread alone knows which row it is."""
    import pyarrow as pa
    from pyarrow import csv

    return csv.open_csv(
        path,
        csv.ReadOptions(block_size=BLOCK, use_threads=not one_thread),
        csv.ParseOptions(delimiter=marks.delimiter, newlines_in_values=True, invalid_row_handler=uneven),
        csv.ConvertOptions(
            column_types={name: pa.float64() for name in numbers} | {name: pa.string() for name in others},
            include_columns=[*numbers, *others],
            decimal_point=marks.decimal,
        ),
    )
