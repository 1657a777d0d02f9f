"""Parquet files through pyarrow, block by block, whatever the size of their row groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seqmodels.tables.formats import Marks

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile


SUFFIXES = (".parquet", ".pq")

ROWS = 2**16
"""Rows of a block."""

BUFFER = 2**20
"""Bytes of a column that are read at a time; without it a whole row group's column would be in memory."""


def column_names(path: Path, marks: Marks) -> list[str]:
    """The top level columns.

    Raises:
        ValueError: this is not a readable Parquet file.
    """
    with _open(path) as file:
        return file.schema_arrow.names


def batches(path: Path, numbers: Sequence[str], others: Sequence[str], marks: Marks) -> Iterator[dict[str, pa.Array]]:
    """Blocks of the wanted columns, each in its own type.

    Raises:
        ValueError: the file is damaged.
    """
    import pyarrow as pa

    done = 0
    with _open(path) as file:
        try:
            for batch in file.iter_batches(batch_size=ROWS, columns=[*numbers, *others], use_threads=False):
                yield dict(zip(batch.schema.names, batch.columns, strict=True))
                done += len(batch)
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"{path} is damaged behind row {done}: {error}") from error


def _open(path: Path) -> ParquetFile:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    try:
        return ParquetFile(path, buffer_size=BUFFER, pre_buffer=False)
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path} is not a readable Parquet file: {error}") from error
