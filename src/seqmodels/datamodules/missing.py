"""Cells that are missing, and what stands in for them; times that are there twice."""

from typing import Literal

import numpy as np

Missing = Literal["error", "mask", "ffill"]
RepeatedTimes = Literal["error", "keep"]


def forward_filled(values: np.ndarray, starts: np.ndarray, fresh: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Missing cells repeat the last value above them in the same series.

    Args:
        values: (n, D), NaN where a cell is missing, series after series.
        starts: (S,) the rows at which the series begin.
        fresh: (n,) bool, rows behind a gap, where nothing is repeated.
        before: (S, D) what comes before the first row of each series; NaN for nothing.
    """
    n = len(values)
    begins = fresh.copy()
    begins[starts] = True
    piece = np.maximum.accumulate(np.where(begins, np.arange(n), 0))[:, None]
    last = np.maximum.accumulate(np.where(np.isnan(values), -1, np.arange(n)[:, None]), 0)
    carried = np.full_like(values, np.nan)
    carried[starts] = np.where(fresh[starts, None], np.nan, before)
    within = last >= piece
    return np.where(within, np.take_along_axis(values, np.maximum(last, 0), 0), carried[piece[:, 0]])
