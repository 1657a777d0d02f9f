"""The rows of a Parquet file."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqmodels.tables import parquet_format
from seqmodels.tables.cells import as_numbers, as_texts, plain
from seqmodels.tables.formats import Marks
from seqmodels.tables.times import as_times

if TYPE_CHECKING:
    import pyarrow as pa


class ParquetRows:
    """Rows as tuples of plain values; dates as texts, durations and times of day as seconds.

    Attributes:
        names: of the columns.
        arrived: when the last row was asked for, by `time.perf_counter`.
        sparse: no row leaves columns out.
    """

    sparse = False

    def __init__(self, path: Path, marks: Marks = Marks()) -> None:  # noqa: B008, it cannot change
        """
        Args:
            path: of the file.
            marks: what stands for a missing number in it.

        Raises:
            ValueError: the file is damaged.
        """
        self.names = parquet_format.column_names(path, Marks())
        self.arrived = time.perf_counter()
        self._path, self._marks = path, marks

    def rows(self, wanted: Sequence[str], id: str | None = None) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """Numbers of rows, counted from 1, and their values of the wanted columns; of `id` as training names series."""
        number = 0
        for batch in parquet_format.batches(self._path, (), list(dict.fromkeys(wanted)), Marks()):
            values = {
                name: _named(column) if name == id else _plain(column, self._marks) for name, column in batch.items()
            }
            for cells in zip(*(values[name] for name in wanted), strict=True):
                number += 1
                self.arrived = time.perf_counter()
                yield number, cells


def _named(column: pa.Array) -> list[Any]:
    """Names of streams, whatever their type: `7` of 7.0, `a` of b"a"; whole numbers stay numbers."""
    import pyarrow as pa  # here, since lines are read without it

    if pa.types.is_integer(column.type) or pa.types.is_boolean(column.type):
        return column.to_pylist()
    values, codes = as_texts(column)
    cells: list[Any] = [*values, None]
    if pa.types.is_floating(column.type):
        cells = [int(cell) if cell and cell.isdecimal() else cell for cell in cells]
    return [cells[code] for code in codes]


def _plain(column: pa.Array, marks: Marks) -> list[Any]:
    import pyarrow as pa
    import pyarrow.compute as pc

    column, types = plain(column), pa.types
    if types.is_timestamp(column.type) or types.is_date(column.type):
        # Whole seconds are written without the zeros that the type would add.
        return pc.replace_substring_regex(pc.cast(column, pa.string()), r"\.0+($|Z|[+-])", r"\1").to_pylist()
    if types.is_duration(column.type) or types.is_time(column.type):
        return as_times(column).tolist()
    if types.is_decimal(column.type) or (types.is_floating(column.type) and marks.missing_values):
        return as_numbers(column, marks).tolist()  # -99.9 of a float32 column is not that of a double
    return column.to_pylist()
