"""Labelled sequences in NumPy's files: X (N, T, C), the step before the column, and labels y (N,).

    .npz   X and y in one file; `inputs` and `label` name them where there are others beside them
    .npy   X alone; `label` names the file of y, which lies beside it

Shorter sequences are filled up at their end with NaN. They are called by their number in the file, from 1.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqmodels.datamodules.labelled.sequences import Sequences, class_name
from seqmodels.tables.cells import as_numbers
from seqmodels.tables.numpy_format import SUFFIXES, arrays, shapes

if TYPE_CHECKING:
    from seqmodels.datamodules.labelled.tables import Columns

LABELS = "y"
"""What the labels of an .npz are called unless it is said otherwise."""


def holds_sequences(path: Path) -> bool:
    """Whether the file is not a table but holds an array (N, T, C).

    Raises:
        ValueError: it is damaged.
    """
    return path.suffix.lower() in SUFFIXES and any(len(shape) == 3 for shape, _ in shapes(path).values())


def read_arrays(path: Path, columns: Columns, labelled: bool = True) -> Sequences:
    """The sequences of one file.

    Args:
        path: of a file that holds sequences.
        columns: `inputs` and `label` name arrays.
        labelled: read the labels too.

    Raises:
        ValueError: X is not the only one and none is named, it holds no numbers, or y does not fit it.
        FileNotFoundError: there are no labels.
    """
    import pyarrow as pa

    name = _name_of_inputs(path, columns)
    (x,) = [array for one, array in arrays(path, lambda one: one == name)]
    if x.dtype.kind not in "biuf" or 0 in x.shape:
        raise ValueError(f"{path}: {_called(name)} of shape {x.shape} holds {x.dtype}; expected numbers, at least one")
    count, longest, width = x.shape
    cells = np.ascontiguousarray(x).astype(x.dtype.newbyteorder("=")).reshape(-1)
    values = as_numbers(pa.array(cells), columns.marks).reshape(count, longest, width)
    known = ~np.isnan(values).all(2)
    lengths = np.where(known.any(1), longest - known[:, ::-1].argmax(1), 0)
    if not lengths.all():
        raise ValueError(f"{path}: sequence {lengths.argmin() + 1} has no value")
    steps = np.arange(longest) < lengths[:, None]
    return Sequences(
        [str(column) for column in range(width)],
        values[steps],
        lengths,
        [str(number + 1) for number in range(count)],
        _labels(path, columns, count) if labelled else None,
        [path] * count,
        np.repeat(np.arange(1, count + 1), lengths),
    )


def _name_of_inputs(path: Path, columns: Columns) -> str:
    found = {name: shape for name, (shape, _) in shapes(path).items()}
    if "" in found:
        return ""
    cubes = [name for name, shape in found.items() if len(shape) == 3]
    named = [name for name in columns.inputs if name in cubes]
    if len(columns.inputs) == len(named) == 1 or (len(cubes) == 1 and not columns.inputs):
        return (named or cubes)[0]
    shown = ", ".join(f"{name} {shape}" for name, shape in found.items())
    raise ValueError(
        f"{path} holds {shown}; name the array (sequences, steps, columns) to read, datamodule.inputs=[{cubes[0]}]"
    )


def _labels(path: Path, columns: Columns, count: int) -> list[str]:
    label = columns.label or LABELS
    if path.suffix.lower() == ".npy":
        if columns.label is None:
            raise ValueError(f"{path} holds no labels; name the file of them beside it, datamodule.label=y.npy")
        source = path.parent / columns.label
        ((_, y),) = arrays(source)
    else:
        source, found = path, [array for _, array in arrays(path, lambda name: name == label)]
        if not found:
            raise ValueError(f"{path} has no array {label!r} of labels; name it, datamodule.label=NAME")
        (y,) = found
    if y.shape not in ((count,), (count, 1)):
        raise ValueError(f"{source}: the labels {_called(label)} are {y.shape}; expected a label for each of {count}")
    if y.dtype.kind not in "biufUS":
        raise ValueError(f"{source}: the labels {_called(label)} are {y.dtype}; expected texts or numbers")
    texts = [one.decode() if isinstance(one, bytes) else str(one) for one in y.reshape(-1).tolist()]
    empty = [number for number, text in enumerate(texts, 1) if text.strip().lower() in ("", "nan")]
    if empty:
        raise ValueError(f"{source}: the label of sequence {empty[0]} is missing")
    return [class_name(text) for text in texts]


def _called(name: str) -> str:
    return name or "the array"
