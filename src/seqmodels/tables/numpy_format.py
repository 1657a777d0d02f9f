"""NumPy's own files as tables: .npy is mapped into memory, of an .npz the arrays are read that hold a wanted column.

(N,)        one column, "0"; in an .npz the array's name
(N, C)      columns "0", "1", ...; in an .npz "name.0", "name.1", ...
structured  the fields by their names; one that is an array again as in an .npz

Other arrays of an .npz, as a sampling rate or a name beside the signal, are no columns.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    found = [column for name, like in _likenesses(path) for column, _ in _named(name, like)]
    if not found:
        raise ValueError(f"{path} holds no array of the shape (rows,) or (rows, columns)")
    return found


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


def _columns(path: Path, wanted: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Columns by name, those that are wanted among them, as views of the arrays in the file."""
    for name, array in arrays(path, lambda name: any(f"{column}.".startswith(f"{name}.") for column in wanted)):
        yield from _named(name, array)


def arrays(path: Path, wanted: Callable[[str], bool] = bool) -> Iterator[tuple[str, np.ndarray]]:
    """Of an .npz the wanted arrays by name; of an .npy its own, called "".

    Raises:
        ValueError: the file is damaged, or an array needs pickle.
    """
    with _readable(path):
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            yield "", loaded
            return
        with loaded:
            for name in filter(wanted, loaded.files):
                yield name, loaded[name]


def shapes(path: Path) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    """Shapes and types of the arrays by name, without reading them.

    Raises:
        ValueError: as `arrays`.
    """
    if path.suffix.lower() == ".npy":
        return {name: (array.shape, array.dtype) for name, array in arrays(path)}
    found = {}
    with _readable(path), zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            with archive.open(member) as file:
                if np.lib.format.read_magic(file) == (1, 0):
                    shape, _, kind = np.lib.format.read_array_header_1_0(file)
                else:
                    shape, _, kind = np.lib.format.read_array_header_2_0(file)
            found[member.removesuffix(".npy")] = shape, kind
    return found


def _likenesses(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Arrays without rows in place of those that hold columns."""
    for name, (shape, kind) in shapes(path).items():
        if path.suffix.lower() == ".npy" and len(shape) not in (1, 2):
            raise ValueError(f"{path} has the shape {shape}; expected (rows,) or (rows, columns)")
        if len(shape) in (1, 2) and not kind.hasobject:
            yield name, np.empty((0, *shape[1:]), kind)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """
    Raises:
        ValueError: what is read of the file is no NumPy file.
    """
    try:
        yield
    except (ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise
        raise ValueError(f"{path} is not a readable NumPy file: {error}") from error


def _named(name: str, array: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    dot = f"{name}." if name else ""
    if array.dtype.names:
        for field in array.dtype.names:
            yield from _named(f"{dot}{field}", array[field])
    elif array.ndim == 1:
        yield name or "0", array
    elif array.ndim == 2:
        yield from ((f"{dot}{column}", array[:, column]) for column in range(array.shape[1]))


def _arrow(path: Path, name: str, cells: np.ndarray) -> pa.Array:
    import pyarrow as pa

    kind = cells.dtype.kind
    if kind == "M":
        return pa.array(cells.astype("datetime64[ns]"))
    if kind == "m":
        return pa.array(cells.astype("timedelta64[ns]"))
    if kind == "U":
        return pa.array(cells.tolist(), pa.string())
    if kind == "S":
        return pa.array(cells.tolist(), pa.binary())
    if kind == "f" and cells.dtype.itemsize > 8:
        return pa.array(cells.astype(np.float64))
    if kind in "biuf":
        return pa.array(np.ascontiguousarray(cells).astype(cells.dtype.newbyteorder("=")))
    raise ValueError(f"{path}, column {name}: holds {cells.dtype}, neither numbers, texts nor times")
