"""Cells that are missing, and what stands in for them; times that are there twice."""

import math
from typing import Literal

import numpy as np

Missing = Literal["error", "mask", "ffill"]
RepeatedTimes = Literal["error", "keep"]

LARGEST = float(np.finfo(np.float32).max)
"""A model reads float32: what is larger counts as missing, as what is infinite does."""


def what_is_missing(value: float) -> str:
    """Of a cell that no float32 can hold, as the end of a sentence that begins with its place."""
    if math.isfinite(value):
        return f"{value:g} does not fit float32, in which numbers end at 3.4e+38; give it in another unit"
    return "the cell is missing or infinite"


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
