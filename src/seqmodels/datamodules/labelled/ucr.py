"""Labelled sequences in the files of the UCR and UEA archives, https://www.timeseriesclassification.com.

    .tsv   a sequence a line: label, then its values, tab between them; NaN at the end fills up shorter ones
    .ts    a header, then a sequence a line: dimensions with ":" between them, the label last; "?" is missing

    @problemName Gait                                  .ts, as the documentation of aeon defines it:
    @timeStamps false                                  https://www.aeon-toolkit.org/en/stable/api_reference/data_format.html
    @classLabel true walking resting
    @data
    0.1,0.3,0.2:9.7,9.9,9.8:walking

Sequences are called by their number in the file, from 1, and their dimensions "0", "1", ...
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from seqmodels.datamodules.labelled.sequences import Sequences, class_name
from seqmodels.tables.formats import Marks
from seqmodels.tables.numbers import number

SUFFIXES = (".ts", ".tsv")


def read_ucr(path: Path, labelled: bool = True, marks: Marks = Marks()) -> Sequences:  # noqa: B008, it cannot change
    """The sequences of one file.

    Args:
        path: ends in .ts or .tsv.
        labelled: read the labels too; without, a .ts may have none.
        marks: of these, `missing_values` count here.

    Raises:
        ValueError: names file and row: a cell is no number, a sequence has no steps, no label, or dimensions that do
            not fit; the header asks for what is not supported.
    """
    given = Marks(missing_values=(*marks.missing_values, "?"))
    found = list(_ts(path, labelled, given) if path.suffix.lower() == ".ts" else _tsv(path, given))
    if not found:
        raise ValueError(f"{path} holds no sequences; expected at least one")
    arrays, labels = zip(*found, strict=True)
    for row, (array, label) in enumerate(found, 1):
        if not len(array):
            raise ValueError(f"{path}, row {row}: the sequence has no steps; expected at least one")
        if array.shape[1] != arrays[0].shape[1]:
            raise ValueError(f"{path}, row {row}: {array.shape[1]} dimensions, where row 1 has {arrays[0].shape[1]}")
        if labelled and label.lower() in ("", "nan", "?"):
            raise ValueError(f"{path}, row {row}: the label is missing")
    lengths = np.array([len(array) for array in arrays], np.int64)
    return Sequences(
        [str(dimension) for dimension in range(arrays[0].shape[1])],
        np.concatenate(arrays),
        lengths,
        [str(row + 1) for row in range(len(arrays))],
        [class_name(label) for label in labels] if labelled else None,
        [path] * len(arrays),
        np.repeat(np.arange(1, len(arrays) + 1), lengths),
    )


def has_classes(path: Path) -> bool:
    """Whether a file, .ts or .tsv, is one of a classification, by its header."""
    try:
        return path.suffix.lower() == ".tsv" or _header(path, _lines(path))
    except ValueError:
        return False


def _tsv(path: Path, marks: Marks) -> Iterator[tuple[np.ndarray, str]]:
    for row, line in enumerate(_lines(path), 1):
        label, *cells = line.split("\t")
        if not cells:
            raise ValueError(
                f"{path}, row {row}: no tab in {line[:40]!r}; expected a label, then values, tab-separated"
            )
        values = _numbers(path, row, cells, marks)
        last = np.flatnonzero(~np.isnan(values))
        yield values[: last[-1] + 1 if len(last) else 0, None], label.strip()


def _ts(path: Path, labelled: bool, marks: Marks) -> Iterator[tuple[np.ndarray, str]]:
    lines = _lines(path)
    with_label = _header(path, lines)
    if labelled and not with_label:
        raise ValueError(f"{path} has no class labels (@classLabel); a classification needs them")
    for row, line in enumerate(lines, 1):
        *dimensions, label = line.split(":") if with_label else [*line.split(":"), ""]
        columns = [_numbers(path, row, cells.split(","), marks) for cells in dimensions]
        lengths = {len(column) for column in columns}
        if len(lengths) != 1:
            told = " and ".join(map(str, sorted(lengths))) or "no"
            raise ValueError(f"{path}, row {row}: {told} steps; expected dimensions of the same length, then the label")
        yield np.stack(columns, 1), label.strip()


def _header(path: Path, lines: Iterator[str]) -> bool:
    """Reads up to @data; whether each line ends in a class label."""
    said: dict[str, str] = {}
    for line in lines:
        key, *value = line.split(maxsplit=1)
        if not key.startswith("@"):
            raise ValueError(f"{path}: {line[:40]!r} stands before @data; expected lines that begin with @")
        if key.lower() == "@data":
            break
        said[key.lower()] = "".join(value).strip().lower()
    else:
        raise ValueError(f"{path} has no @data line; expected the header of a .ts file")
    if said.get("@timestamps", "").startswith("true"):
        raise ValueError(
            f"{path} has time stamps (@timeStamps true), which are not supported; write the values alone, or a long "
            f"table with a time column"
        )
    if said.get("@targetlabel", "").startswith("true"):
        raise ValueError(
            f"{path} holds numbers to predict (@targetLabel), not classes; a classification needs @classLabel"
        )
    return said.get("@classlabel", "").startswith("true")


def _lines(path: Path) -> Iterator[str]:
    """Without comments and empty lines; the comments of some archives are not UTF-8."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for line in file:
            if line.strip() and not line.startswith(("#", "%")):
                yield line.rstrip("\r\n")


def _numbers(path: Path, row: int, cells: list[str], marks: Marks) -> np.ndarray:
    numbers = np.empty(len(cells))
    for step, cell in enumerate(cells):
        try:
            numbers[step] = number(cell, marks)
        except ValueError as error:
            raise ValueError(f"{path}, row {row}, step {step + 1}: {error}") from error
    return numbers
