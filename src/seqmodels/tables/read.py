"""Tables of numbers on disk, read in pieces: CSV, Parquet, NPY, NPZ, of any size.

    for block in blocks(Path("engine.csv"), numbers=["rpm", "torque"], texts=["engine"]):
        block.numbers["rpm"]        # (n,) float64, NaN where a cell is missing

Rows are counted from 1, below the header; empty lines of a CSV are no rows.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqmodels.tables import csv_format as table_csv
from seqmodels.tables import numpy_format as table_arrays
from seqmodels.tables import parquet_format as table_parquet
from seqmodels.tables.cells import BadCell, Texts, as_numbers, as_texts, as_times
from seqmodels.tables.paths import SUFFIXES, expand

if TYPE_CHECKING:
    import pyarrow as pa


__all__ = ["TAB", "Block", "Texts", "blocks", "column_names", "expand"]

SHOWN = 20
"""Columns that an error lists."""

TAB = r"""$'datamodule.delimiter="\t"'"""
"""How a shell says it: without the dollar, Hydra would be given a backslash and a t."""


class Block(NamedTuple):
    """Neighbouring rows of a table; the wanted columns by name.

    Attributes:
        first: the number of the first row, counted from 1.
        rows: n, how many.
        numbers: (n,) float64, NaN where a cell is missing; infinite where the file says so.
        texts: see `Texts`.
        times: (n,) int64 or float64 where the times are numbers, else datetime64[ns]; NaN or NaT where missing.
    """

    first: int
    rows: int
    numbers: dict[str, np.ndarray]
    texts: dict[str, Texts]
    times: dict[str, np.ndarray]


def blocks(
    path: Path,
    numbers: Sequence[str] = (),
    texts: Sequence[str] = (),
    times: Sequence[str] = (),
    delimiter: str = ",",
    decimal: str = ".",
) -> Iterator[Block]:
    """Read columns of a table, some ten thousand rows at a time; a column may be wanted in several ways.

    Args:
        path: from `expand`; its suffix says how to read it.
        numbers, texts, times: names of columns.
        delimiter: between the cells of a CSV.
        decimal: before the decimals in a CSV.

    Raises:
        ValueError: names file, column and row: a column is missing or there twice, a cell is not what it should be, a
            row has too few cells, the file is empty or damaged.
    """
    wanted = list(dict.fromkeys([*numbers, *texts, *times]))
    _check_columns(path, wanted, column_names(path, delimiter), delimiter)
    first = 1
    for batch in _batches(path, wanted, {*texts, *times}, delimiter, decimal):
        rows = len(next(iter(batch.values())))
        yield Block(
            first,
            rows,
            {name: _converted(path, name, first, as_numbers, batch, decimal) for name in numbers},
            {name: _converted(path, name, first, as_texts, batch) for name in texts},
            {name: _converted(path, name, first, as_times, batch, decimal) for name in times},
        )
        first += rows
    if first == 1:
        raise ValueError(f"{path} holds no rows; expected at least one")


def column_names(path: Path, delimiter: str = ",") -> list[str]:
    """The table's columns, in order.

    Raises:
        ValueError: the file is empty or damaged.
    """
    kind = SUFFIXES[path.suffix.lower()]
    if kind == "csv":
        return table_csv.names(path, delimiter)
    return table_parquet.names(path) if kind == "parquet" else table_arrays.names(path)


def _batches(
    path: Path, wanted: Sequence[str], as_written: set[str], delimiter: str, decimal: str
) -> Iterator[dict[str, pa.Array]]:
    kind = SUFFIXES[path.suffix.lower()]
    if kind == "csv":
        numbers = [name for name in wanted if name not in as_written]
        others = [name for name in wanted if name in as_written]
        return table_csv.batches(path, numbers, others, delimiter, decimal)
    return table_parquet.batches(path, wanted) if kind == "parquet" else table_arrays.batches(path, wanted)


def _converted(path: Path, name: str, first: int, convert: Any, batch: dict[str, pa.Array], *arguments: Any) -> Any:
    try:
        return convert(batch[name], *arguments)
    except BadCell as error:
        raise ValueError(f"{path}, column {name}, row {first + error.index}: {error}") from error
    except TypeError as error:
        raise ValueError(f"{path}, column {name}: {error}") from error


def _check_columns(path: Path, wanted: Sequence[str], found: Sequence[str], delimiter: str) -> None:
    for name in wanted:
        if found.count(name) > 1:
            raise ValueError(f"{path} has {found.count(name)} columns named {name!r}; names must differ")
        if name not in found:
            near = difflib.get_close_matches(name, found, 1)
            guess = f", did you mean {near[0]!r}?" if near else ""
            there = ", ".join(found[:SHOWN]) + (f" and {len(found) - SHOWN} more" if len(found) > SHOWN else "")
            raise ValueError(f"{path} has no column {name!r}{guess}; there is: {there}{_remedy(found, delimiter)}")


def _remedy(found: Sequence[str], delimiter: str) -> str:
    """Of a header that is all one cell."""
    marks = [mark for mark in ";\t|," if len(found) == 1 and mark in found[0] and mark != delimiter]
    if not marks:
        return ""
    word = TAB if marks[0] == "\t" else f"'datamodule.delimiter=\"{marks[0]}\"'"
    return f"; its header looks as if it needed {word}"
