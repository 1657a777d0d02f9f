"""NumPy's own files as tables: .npy is mapped into memory, of an .npz the arrays are read that hold a wanted column.

(N,)        one column, "0"; in an .npz the array's name
(N, C)      columns "0", "1", ...; in an .npz "name.0", "name.1", ...
structured  the fields by their names; one that is an array again as in an .npz
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqmodels.tables.formats import Marks

if TYPE_CHECKING:
    import pyarrow as pa


SUFFIXES = (".npy", ".npz")

ROWS = 2**16
"""Rows of a block."""


def column_names(path: Path, marks: Marks) -> list[str]:
    """The columns.

    Raises:
        ValueError: the file is damaged, needs pickle, or holds arrays of other shapes.
    """
    return [column for column, _ in _columns(path)]


def batches(path: Path, numbers: Sequence[str], others: Sequence[str], marks: Marks) -> Iterator[dict[str, pa.Array]]:
    """Blocks of the wanted columns, each in its own type.

    Raises:
        ValueError: the columns differ in length, or hold what no column can.
    """
    names = [*numbers, *others]
    columns = dict(_columns(path, names))
    wanted = {name: columns[name] for name in names}
    lengths = {name: len(column) for name, column in wanted.items()}
    if len(set(lengths.values())) > 1:
        described = ", ".join(f"{name} {length:,}" for name, length in lengths.items())
        raise ValueError(f"{path}: the columns differ in length ({described} rows)")
    for first in range(0, next(iter(lengths.values())), ROWS):
        yield {name: _arrow(path, name, column[first : first + ROWS]) for name, column in wanted.items()}


def _columns(path: Path, wanted: Sequence[str] | None = None) -> Iterator[tuple[str, np.ndarray]]:
    """The columns by name, as views of the arrays in the file; None for `wanted` goes through all arrays."""
    for name, array in _arrays(path, wanted):
        yield from _named(path, name, array)


def _arrays(path: Path, wanted: Sequence[str] | None) -> Iterator[tuple[str, np.ndarray]]:
    try:
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            yield "", loaded
            return
        with loaded:
            for name in loaded.files:
                if wanted is None or any(f"{column}.".startswith(f"{name}.") for column in wanted):
                    yield name, loaded[name]
    except (ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise
        raise ValueError(f"{path} is not a readable NumPy file: {error}") from error


def _named(path: Path, name: str, array: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    dot = f"{name}." if name else ""
    if array.dtype.names:
        for field in array.dtype.names:
            yield from _named(path, f"{dot}{field}", array[field])
    elif array.ndim == 1:
        yield name or "0", array
    elif array.ndim == 2:
        yield from ((f"{dot}{column}", array[:, column]) for column in range(array.shape[1]))
    else:
        where = f"array {name!r} " if name else ""
        raise ValueError(f"{path}: {where}has the shape {array.shape}; expected (rows,) or (rows, columns)")


def _arrow(path: Path, name: str, cells: np.ndarray) -> pa.Array:
    import pyarrow as pa

    kind = cells.dtype.kind
    if kind == "M":
        return pa.array(cells.astype("datetime64[ns]"))
    if kind == "U":
        return pa.array(cells.tolist(), pa.string())
    if kind == "f" and cells.dtype.itemsize > 8:
        return pa.array(cells.astype(np.float64))
    if kind in "biuf":
        return pa.array(np.ascontiguousarray(cells).astype(cells.dtype.newbyteorder("=")))
    raise ValueError(f"{path}, column {name}: holds {cells.dtype}, neither numbers, texts nor times")
