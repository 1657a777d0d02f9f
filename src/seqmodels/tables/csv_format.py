"""CSV files through pyarrow, block by block; compressed ones as they are."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqmodels.tables.formats import Marks
from seqmodels.tables.numbers import MISSING, missing_values

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import csv


SUFFIXES = (".csv", ".csv.gz")

OTHERS = {
    b"\x1f\x8b": "it is compressed; give it a name that ends in .csv.gz",
    b"PAR1": "it is a Parquet file; give it a name that ends in .parquet",
    b"PK\x03\x04": "it is a zip archive, as those of Excel are; save it as CSV",
}
"""How files begin that are no CSV, whatever their name."""

BLOCK = 2**22
"""Bytes of a block; no row may be longer."""


def column_names(path: Path, marks: Marks) -> list[str]:
    """The header; numbers where there is none.

    Raises:
        ValueError: the file holds no rows, or is not UTF-8.
    """
    import pyarrow as pa

    try:
        names = _names(path, marks)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: the header is not UTF-8; save the file as UTF-8") from error
    except (pa.ArrowInvalid, OSError) as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise
        if "mpty CSV" in str(error) or "skip initial" in str(error):
            raise ValueError(f"{path} holds no rows; expected {_wanted(marks)}") from error
        raise _unreadable(path, error) from error
    return names if marks.header else [str(column) for column in range(len(names))]


def _names(path: Path, marks: Marks) -> list[str]:
    """As `column_names`; rows of another number of cells are none of its business."""
    import pyarrow as pa

    try:
        return _open(path, [], [], marks).schema.names
    except pa.ArrowInvalid:
        _check_text(path)
        return _open(path, [], [], marks, lambda row: "skip").schema.names


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
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        for batch in _open(path, [], [*numbers, *others], marks):
            if done < len(batch):
                rest = batch.slice(done)
                yield dict(zip(rest.schema.names, rest.columns, strict=True))
            done = max(0, done - len(batch))
    except pa.ArrowInvalid as error:
        raise _blamed(path, [*numbers, *others], marks, error) from error


def _blamed(path: Path, columns: list[str], marks: Marks, error: pa.ArrowInvalid) -> ValueError:
    """What is wrong with a file of which even texts cannot be read: it is read once more to find the row."""
    import pyarrow as pa

    _check_text(path)
    ragged: list[csv.InvalidRow] = []

    def note(row: csv.InvalidRow) -> str:
        ragged.append(row)
        return "error"

    try:
        for _ in _open(path, [], columns, marks, note, one_thread=True):
            pass
    except pa.ArrowInvalid:
        pass
    return _uneven(path, ragged[0], marks) if ragged else _unreadable(path, error)


def _check_text(path: Path) -> None:
    """pyarrow prints a traceback of its own where a row with too many cells is not UTF-8.

    Raises:
        ValueError: the file is not UTF-8.
    """
    import pyarrow as pa

    decoder, done = codecs.getincrementaldecoder("utf-8")(), 0
    with pa.input_stream(str(path)) as file:
        while block := file.read(BLOCK):
            begun = len(decoder.getstate()[0])
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                kind = next((text for begin, text in OTHERS.items() if not done and block.startswith(begin)), "")
                raise ValueError(
                    f"{path} is not UTF-8 (byte {done - begun + error.start + 1}); {kind or 'save the file as UTF-8'}"
                ) from error
            done += len(block)


def _uneven(path: Path, row: csv.InvalidRow, marks: Marks) -> ValueError:
    text = row.text if len(row.text) < 80 else f"{row.text[:80]}…"
    number = row.number - marks.skip_rows - marks.header - marks.unit_rows
    remedy = f"a cell that holds a {marks.delimiter!r} must stand in quotes"
    if number == 1:
        remedy += "; lines above the header are left out with datamodule.skip_rows=NUMBER"
    if text.lstrip()[:1] in ("#", "%"):
        remedy = f"lines that begin so are left out with 'datamodule.comment=\"{text.lstrip()[0]}\"'"
    return ValueError(
        f"{path}, row {number}: {row.actual_columns} cells where the header has {row.expected_columns}: {text}; "
        f"{remedy}"
    )


def _unreadable(path: Path, error: Exception) -> ValueError:
    return ValueError(
        f"{path} cannot be read as CSV: {error}{'; save the file as UTF-8' if 'UTF8' in str(error) else ''}"
    )


def _wanted(marks: Marks) -> str:
    skipped = f" behind the first {marks.skip_rows} lines (datamodule.skip_rows={marks.skip_rows})"
    return ("a header and at least one row below it" if marks.header else "at least one row") + (
        skipped if marks.skip_rows else ""
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

    columns = [*numbers, *others]
    names = None if marks.header or not columns else column_names(path, marks)
    return csv.open_csv(
        _Uncommented(path, marks.comment) if marks.comment else path,
        csv.ReadOptions(
            block_size=BLOCK,
            use_threads=not one_thread,
            skip_rows=marks.skip_rows,
            skip_rows_after_names=marks.unit_rows,
            column_names=names,
            autogenerate_column_names=not marks.header and names is None,
        ),
        csv.ParseOptions(delimiter=marks.delimiter, newlines_in_values=True, invalid_row_handler=uneven),
        csv.ConvertOptions(
            column_types={name: pa.float64() for name in numbers} | {name: pa.string() for name in others},
            include_columns=columns,
            decimal_point=marks.decimal,
            null_values=[*MISSING, *missing_values(marks).texts],
        ),
    )


class _Uncommented(io.RawIOBase):
    """The bytes of a file without the lines that begin with a mark."""

    def __init__(self, path: Path, mark: str) -> None:
        import pyarrow as pa

        self._lines = re.compile(rb"^[ \t]*" + re.escape(mark.encode()) + rb"[^\n]*(\n|\Z)", re.MULTILINE)
        self._file: Any = pa.input_stream(str(path))
        self._begun = self._file.read(3).removeprefix(b"\xef\xbb\xbf")  # a mark of the order of bytes
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            read = self._file.read(BLOCK)
            whole, line_end, rest = (self._begun + read).rpartition(b"\n") if read else (self._begun, b"", b"")
            self._ready, self._begun = self._lines.sub(b"", whole + line_end), rest
            if not read:
                break
        given, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        buffer[: len(given)] = given
        return len(given)
