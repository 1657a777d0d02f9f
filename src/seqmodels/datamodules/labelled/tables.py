"""Labelled sequences in long tables, a row a step:

    subject,activity,acc_x,acc_y        subject is the id, activity the label
    7,walking,0.1,9.7
    7,walking,0.3,9.9
    8,resting,0.0,9.8

The rows of one sequence stand in order; rows of others may stand between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqmodels.datamodules.labelled.elapsed import passed
from seqmodels.datamodules.labelled.sequences import Sequences, class_name
from seqmodels.datamodules.missing import RepeatedTimes
from seqmodels.tables.formats import Marks
from seqmodels.tables.read import Block, blocks


class Columns(NamedTuple):
    """What the columns of a table mean.

    Attributes:
        id: tells sequences apart; None: each file is one.
        label: the class; None: it is not read.
        inputs: D columns of numbers.
        time: increases within a sequence, which is checked; None: there are no times.
        marks: how the table is written.
        repeated_times: `keep`: two rows of a sequence may have the same time.
    """

    id: str | None
    label: str | None
    inputs: list[str]
    time: str | None = None
    marks: Marks = Marks()
    repeated_times: RepeatedTimes = "error"


def read_table(path: Path, columns: Columns) -> Sequences:
    """The sequences of one file, in the order in which they begin.

    Raises:
        ValueError: names file, column and row: as `blocks`, and for an empty id or label, a label that changes within a
            sequence, and a time that does not increase.
    """
    texts = [name for name in (columns.id, columns.label) if name]
    times = [columns.time] if columns.time else []
    found = list(blocks(path, columns.inputs, texts, times, columns.marks))
    values = np.concatenate([np.stack([block.numbers[name] for name in columns.inputs], 1) for block in found])
    codes, ids = _coded(path, columns.id, found) if columns.id else (np.zeros(len(values), np.int64), [path.stem])
    order = np.argsort(codes, kind="stable")
    lengths = np.bincount(codes)
    table = Sequences(columns.inputs, values[order], lengths, ids, None, [path] * len(ids), order + 1)
    same = np.diff(codes[order]) == 0
    if columns.time:
        of_steps = _times(table, columns, [block.times[columns.time] for block in found], same)
        table = table._replace(passed=passed(of_steps, table.starts))
    if columns.label:
        labels, names = _coded(path, columns.label, found)
        _check_labels(table, columns.label, labels[order], names, same)
        table = table._replace(labels=[names[code] for code in labels[order][table.starts]])
    return table


def _coded(path: Path, column: str, found: Sequence[Block]) -> tuple[np.ndarray, list[str]]:
    """(S,) numbers in place of texts, and what they mean, in the order of appearance."""
    numbers: dict[str, int] = {}
    parts = []
    for block in found:
        texts = block.texts[column]
        own = [numbers.setdefault(class_name(text), len(numbers)) for text in texts.values]
        empty = np.flatnonzero(
            np.isin(texts.codes, [i for i, t in enumerate(texts.values) if t.lower() == "nan"] + [-1])
        )
        if len(empty):
            raise ValueError(
                f"{path}, column {column}, row {block.first + empty[0]} is empty; every row needs one, the same in all "
                f"rows of a sequence"
            )
        parts.append(np.array(own, np.int64)[texts.codes])
    return np.concatenate(parts), list(numbers)


def _times(table: Sequences, columns: Columns, parts: list[np.ndarray], same: np.ndarray) -> np.ndarray:
    """(S,) of the steps, which go forward."""
    path, column = table.files[0], columns.time
    if len({part.dtype.kind == "M" for part in parts}) > 1:
        raise ValueError(f"{path}, column {column}: holds numbers and dates; expected one of them")
    times = np.concatenate(parts)[table.rows - 1]
    forward = times[1:] >= times[:-1] if columns.repeated_times == "keep" else times[1:] > times[:-1]
    late = np.flatnonzero(same & ~forward)  # NaN and NaT compare false
    if len(late):
        step = late[0] + 1
        again = "; datamodule.repeated_times=keep takes both" if times[step] == times[step - 1] else ""
        raise ValueError(
            f"{path}, column {column}, row {table.rows[step]}: {times[step]} does not come after {times[step - 1]} in "
            f"row {table.rows[step - 1]} of the same sequence; sort each sequence by time{again}"
        )
    return times


def _check_labels(table: Sequences, column: str, codes: np.ndarray, names: list[str], same: np.ndarray) -> None:
    changes = np.flatnonzero(same & (np.diff(codes) != 0))
    if len(changes):
        step = changes[0] + 1
        name = table.ids[np.searchsorted(table.starts, step, side="right") - 1]
        raise ValueError(
            f"{table.files[0]}, column {column}, row {table.rows[step]}: {names[codes[step]]!r}, but sequence {name} "
            f"is {names[codes[step - 1]]!r} above; a sequence has one label. Give its parts ids of their own"
        )
