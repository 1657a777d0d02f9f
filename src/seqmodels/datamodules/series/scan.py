"""A first look over the files of a series table: which series there are, how long, and how their time steps."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqmodels.datamodules.series.clock import MEASURED, are_dates, check_kind
from seqmodels.datamodules.series.spec import TableSpec
from seqmodels.tables.read import Block, blocks


class FileScan(NamedTuple):
    """What must be known before the first row is written.

    Attributes:
        names: of the series: groups in the order in which they appear, else the files.
        rows: of each group; empty without groups, where a file's rows are known when they have been read.
        beginnings: the first times of each series; empty arrays where nobody asks for them.
    """

    names: list[str]
    rows: np.ndarray
    beginnings: list[np.ndarray]


def scan_files(files: Sequence[Path], spec: TableSpec) -> FileScan:
    """Without groups only the beginning of each file is read, and nothing if there is no time either.

    Raises:
        ValueError: see `blocks`; a group is missing.
    """
    if spec.group is not None:
        return _groups(files, spec)
    beginnings = [_beginning(path, spec) if spec.time is not None else np.zeros(0) for path in files]
    return FileScan([str(path) for path in files], np.zeros(0, np.int64), beginnings)


def _beginning(path: Path, spec: TableSpec) -> np.ndarray:
    parts: list[np.ndarray] = []
    assert spec.time is not None
    for block in blocks(path, times=[spec.time], marks=spec.marks):
        parts.append(block.times[spec.time])
        if sum(map(len, parts)) > MEASURED:
            break
    return np.concatenate(parts)[: MEASURED + 1]


def _groups(files: Sequence[Path], spec: TableSpec) -> FileScan:
    assert spec.group is not None
    codes: dict[str, int] = {}
    rows = np.zeros(0, np.int64)
    beginnings: list[list[np.ndarray]] = []
    times, dates = [spec.time] if spec.time is not None else [], None
    for path in files:
        for block in blocks(path, (), [spec.group], times, spec.marks):
            series = group_codes(path, block, spec.group, codes)
            found = np.bincount(series, minlength=len(codes))
            known = np.zeros(len(codes), np.int64)
            known[: len(rows)] = rows
            beginnings += [[] for _ in range(len(codes) - len(beginnings))]
            for name in times:
                dates = are_dates(block.times[name]) if dates is None else dates
                check_kind(path, name, block.times[name], dates)
                _collect(beginnings, known, series, found, block.times[name])
            rows = known + found
    joined = [np.concatenate(parts)[: MEASURED + 1] if parts else np.zeros(0) for parts in beginnings]
    return FileScan(list(codes), rows, joined)


def _collect(
    beginnings: list[list[np.ndarray]], known: np.ndarray, series: np.ndarray, found: np.ndarray, times: np.ndarray
) -> None:
    """Add the block's times to the beginnings that are not complete."""
    wanting = np.flatnonzero((known <= MEASURED) & (found > 0))
    if len(wanting):
        order = np.argsort(series, kind="stable")
        ends = np.cumsum(found)
        for one in wanting:
            rows = order[ends[one] - found[one] : ends[one]]
            beginnings[one].append(times[rows[: MEASURED + 1]])


def group_codes(path: Path, block: Block, group: str, codes: dict[str, int]) -> np.ndarray:
    """(n,) number of each row's group; new ones are added to `codes`.

    Raises:
        ValueError: a group is missing.
    """
    texts = block.texts[group]
    missing = np.flatnonzero(texts.codes < 0)
    if len(missing):
        raise ValueError(f"{path}, column {group}, row {block.first + missing[0]}: the group is missing")
    return np.array([codes.setdefault(text, len(codes)) for text in texts.values], np.int64)[texts.codes]
