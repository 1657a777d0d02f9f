"""Time within each series: it must go forward, and where it jumps there is a gap."""

from pathlib import Path

import numpy as np

from seqmodels.datamodules.series.spec import TableSpec
from seqmodels.tables.dates import NUMBER, SECOND, looks_like_dates

JUMP = 1.5
"""A gap is a difference of more than so many steps."""

MEASURED = 1000
"""Differences whose median is the step."""


class Clock:
    """Follows the time of every series from block to block."""

    def __init__(self, spec: TableSpec, names: list[str], beginnings: list[np.ndarray]) -> None:
        """
        Args:
            spec: says which column is the time and what to do about gaps.
            names: of the series, for errors.
            beginnings: the first times of each series, to measure its step.
        """
        self.column, self.gaps, self.names = spec.time, spec.gaps, names
        self._keeps = spec.repeated_times == "keep"
        self._mixed = "" if spec.group else "; where it holds several series, datamodule.group=COLUMN tells them apart"
        self._last = np.zeros(len(names), np.int64)
        self._begun = np.zeros(len(names), bool)
        self._dates = are_dates(beginnings[0])
        if spec.marks.time_format is None:
            _check_no_dates(str(spec.time), beginnings)
        self._step = np.full(len(names), np.inf)
        for series, times in enumerate(beginnings):
            differences = np.diff(_counted(times))[:MEASURED]
            differences = differences[differences > 0] if self._keeps else differences
            if spec.time_step is not None:
                self._step[series] = spec.time_step * (SECOND if self._dates else 1)
            elif len(differences):
                self._step[series] = np.median(differences)

    def resets(self, path: Path, first: int, times: np.ndarray, series: np.ndarray, order: np.ndarray) -> np.ndarray:
        """(n,) bool, the rows that a series begins anew at because they come behind a gap.

        Args:
            path: of the block.
            first: number of its first row.
            times: (n,) as the block has them.
            series: (n,) which series a row belongs to, ascending.
            order: (n,) where in the block the row stands.

        Raises:
            ValueError: a time is missing, does not go forward, is a date where there were numbers or the other way
                round, or comes behind a gap and gaps=error.
        """
        self._check(path, first, times)
        now = _counted(times)[order]
        self._last = self._last.astype(np.result_type(self._last, now))
        new = np.diff(series, prepend=-1) != 0
        before = np.where(new, self._last[series], np.roll(now, 1))
        follows = ~new | self._begun[series]
        stuck = np.flatnonzero(follows & ((now < before) if self._keeps else (now <= before)))
        if len(stuck):
            row = stuck[order[stuck].argmin()]
            remedy = self._remedy(before[row] - now[row])
            raise self._error(path, first, series, order, now, before, stuck, f"{remedy}{self._mixed}")
        with np.errstate(over="ignore"):  # of what does not follow anything
            gaps = follows & (now - before > JUMP * self._step[series])
        if self.gaps == "error" and gaps.any():
            remedy = (
                "is a gap; datamodule.gaps=reset begins the series anew behind it, datamodule.gaps=dt tells the time "
                "to a core that reads it, datamodule.gaps=ignore reads on"
            )
            raise self._error(path, first, series, order, now, before, np.flatnonzero(gaps), remedy)
        last = np.diff(series, append=-1) != 0
        self._last[series[last]], self._begun[series[last]] = now[last], True
        return gaps & (self.gaps == "reset")

    def _remedy(self, back: float) -> str:
        if back == 0:
            return "is the same time again; datamodule.repeated_times=keep takes both rows, in their order"
        autumn = "; a clock that is set back in autumn needs its offset from UTC, as in 2024-10-27 02:30:00+01:00"
        return "must go forward" + (autumn if self._dates and back <= 3600 * SECOND else "")

    def _check(self, path: Path, first: int, times: np.ndarray) -> None:
        missing = np.flatnonzero(np.isnat(times) if are_dates(times) else np.isnan(times))
        if len(missing):
            raise ValueError(f"{path}, column {self.column}, row {first + missing[0]}: the time is missing")
        check_kind(path, self.column, times, self._dates)

    def _error(
        self,
        path: Path,
        first: int,
        series: np.ndarray,
        order: np.ndarray,
        now: np.ndarray,
        before: np.ndarray,
        rows: np.ndarray,
        complaint: str,
    ) -> ValueError:
        """About the row that stands first in the file."""
        row = rows[order[rows].argmin()]
        step = self._step[series[row]]
        measure = f" (the step is {step / SECOND:g} s)" if self._dates else f" (the step is {step:g})"
        return ValueError(
            f"{path}, column {self.column}, row {first + order[row]}: {self._written(now[row])} after "
            f"{self._written(before[row])} in {self.names[series[row]]} {complaint}"
            f"{measure if 'gap' in complaint else ''}"
        )

    def _written(self, time: np.generic) -> str:
        if not self._dates:
            return f"{time:.15g}"
        text = str(np.datetime64(int(time), "ns"))
        return text.rstrip("0").rstrip(".") if not text.endswith("T00:00:00.000000000") else text[:10]


def _check_no_dates(column: str, beginnings: list[np.ndarray]) -> None:
    """
    Raises:
        ValueError: the times are whole numbers such as 20240131, whose steps would be wrong at the end of a month.
    """
    for times in beginnings:
        if times.dtype.kind == "i" and looks_like_dates(times.tolist()):
            raise ValueError(
                f"column {column}: {times[0]} and {times[1]} look like dates; datamodule.time_format=%Y%m%d reads them "
                f"so, datamodule.time_format={NUMBER} as numbers"
            )


def check_kind(path: Path, column: str | None, times: np.ndarray, dates: bool) -> None:
    """
    Raises:
        ValueError: the times are numbers where dates were before, or the other way round.
    """
    if are_dates(times) != dates:
        kinds = ("numbers", "dates") if dates else ("dates", "numbers")
        raise ValueError(f"{path}, column {column}: holds {kinds[0]}, where the data before has {kinds[1]}")


def are_dates(times: np.ndarray) -> bool:
    """Whether they are, and not numbers."""
    return times.dtype.kind == "M"


def _counted(times: np.ndarray) -> np.ndarray:
    """Dates as nanoseconds."""
    return times.astype("datetime64[ns]").view(np.int64) if are_dates(times) else times
