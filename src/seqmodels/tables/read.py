"""Tables of numbers on disk, read in pieces, of any size; `formats.py` says of which kinds.

    for block in blocks(Path("engine.csv"), numbers=["rpm", "torque"], texts=["engine"]):
        block.numbers["rpm"]        # (n,) float64, NaN where a cell is missing

Rows are counted from 1, below the header; empty lines of a CSV are no rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqmodels.tables import csv_format
from seqmodels.tables.cells import BadCell, Texts, as_numbers, as_texts
from seqmodels.tables.columns import another_delimiter, check_there, check_unique
from seqmodels.tables.formats import Marks, formats, suffix_of
from seqmodels.tables.times import as_times

if TYPE_CHECKING:
    import pyarrow as pa


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
    marks: Marks = Marks(),  # noqa: B008, it cannot change
) -> Iterator[Block]:
    """Read columns of a table, some ten thousand rows at a time; a column may be wanted in several ways.

    Args:
        path: from `expand`; its suffix says how to read it.
        numbers, texts, times: names of columns.
        marks: how the file is written.

    Raises:
        ValueError: names file, column and row: a column is missing or there twice, a cell is not what it should be, a
            row has too few cells, the file is empty or damaged.
    """
    format = formats()[suffix_of(path, formats()) or ""]
    wanted = list(dict.fromkeys([*numbers, *texts, *times]))
    found = format.column_names(path, marks)
    check_there(path, wanted, found, another_delimiter(found, marks.delimiter))
    check_unique(path, wanted, found)
    others = [name for name in wanted if name in {*texts, *times}]
    alone = [name for name in wanted if name not in others]
    first = 1
    for batch in format.batches(path, alone, others, marks):
        rows = len(next(iter(batch.values())))
        yield Block(
            first,
            rows,
            {name: _converted(path, name, first, as_numbers, batch, marks) for name in numbers},
            {name: _converted(path, name, first, as_texts, batch) for name in texts},
            {name: _converted(path, name, first, as_times, batch, marks) for name in times},
        )
        first += rows
    if first == 1:
        raise ValueError(f"{path} holds no rows; expected at least one")


def _converted(path: Path, name: str, first: int, convert: Any, batch: dict[str, pa.Array], *arguments: Any) -> Any:
    try:
        return convert(batch[name], *arguments)
    except BadCell as error:
        row = first + error.index
        above = row == 1 and path.name.lower().endswith(csv_format.SUFFIXES)
        units = "; a row of units below the header is left out with datamodule.unit_rows=1" if above else ""
        raise ValueError(f"{path}, column {name}, row {row}: {error}{units}") from error
    except TypeError as error:
        raise ValueError(f"{path}, column {name}: {error}") from error
