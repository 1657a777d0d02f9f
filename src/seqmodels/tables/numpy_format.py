"""NumPy's own files as tables: .npy is mapped into memory, .npz is read array by array.

(N,)        one column, "0"; in an .npz the array's name
(N, C)      columns "0", "1", ...; in an .npz "name.0", "name.1", ...
structured  the fields by their names; one that is an array again as in an .npz
"""

from __future__ import annotations

import zipfile
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
    return list(_columns(path))


def batches(path: Path, numbers: Sequence[str], others: Sequence[str], marks: Marks) -> Iterator[dict[str, pa.Array]]:
    """Blocks of the wanted columns, each in its own type.

    Raises:
        ValueError: the columns differ in length, or hold what no column can.
    """
    wanted = {name: _columns(path)[name] for name in (*numbers, *others)}
    lengths = {name: len(column) for name, column in wanted.items()}
    if len(set(lengths.values())) > 1:
        described = ", ".join(f"{name} {length:,}" for name, length in lengths.items())
        raise ValueError(f"{path}: the columns differ in length ({described} rows)")
    for first in range(0, next(iter(lengths.values())), ROWS):
        yield {name: _arrow(path, name, column[first : first + ROWS]) for name, column in wanted.items()}


def _columns(path: Path) -> dict[str, np.ndarray]:
    """Views of what the file holds; a column of an .npz is read when it is looked at."""
    try:
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
        arrays = dict(loaded) if path.suffix.lower() == ".npz" else {"": loaded}
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise
        raise ValueError(f"{path} is not a readable NumPy file: {error}") from error
    return {column: cells for name, array in arrays.items() for column, cells in _named(path, name, array)}


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
