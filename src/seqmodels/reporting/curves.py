"""Learning curves: the metrics.csv of a group's runs on common steps, as mean and band."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from seqmodels.reporting.statistics import moments
from seqmodels.system.untrusted import open_regular

POINTS = 300
"""A curve has no more; a page with millions would not scroll."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """Mean and sample standard deviation over n runs, at each step where all n have data."""

    steps: Array
    mean: Array
    sd: Array | None
    n: int


def train_loss(folders: Sequence[Path]) -> str | None:
    """The column of the training loss that all of these runs may have: `train/loss`, or one like it."""
    columns = dict.fromkeys(name for folder in folders for name in _columns(folder))
    names = [name for name in columns if name.startswith("train/") and "loss" in name]
    return "train/loss" if "train/loss" in names else next(iter(names), None)


def _columns(folder: Path) -> list[str]:
    try:
        with _opened(folder) as file:
            return next(csv.reader(file), [])
    except (OSError, csv.Error):
        return []


def _opened(folder: Path) -> TextIO:
    return TextIOWrapper(open_regular(folder / "metrics.csv"), newline="", encoding="utf-8", errors="replace")


def read_curves(folder: Path, metrics: Sequence[str]) -> dict[str, tuple[Array, Array]]:
    """Steps and finite values of each metric; rows that are damaged or half written are passed over."""
    points: dict[str, dict[float, float]] = {metric: {} for metric in metrics}
    try:
        with _opened(folder) as file:
            rows = csv.reader(file)
            header = next(rows, [])
            columns = [(metric, header.index(metric)) for metric in metrics if metric in header]
            step_at = header.index("step") if "step" in header else None
            for row in rows if step_at is not None else ():
                if len(row) == len(header):
                    _take(row, columns, step_at or 0, points)
    except (OSError, csv.Error):
        pass
    return {
        metric: (np.array(sorted(of)), np.array([of[step] for step in sorted(of)]))
        for metric, of in points.items()
        if of
    }


def _take(row: list[str], columns: list[tuple[str, int]], step_at: int, points: dict[str, dict[float, float]]) -> None:
    for metric, column in columns:
        if row[column]:
            try:
                step, value = float(row[step_at]), float(row[column])
            except ValueError:
                continue
            if math.isfinite(step) and math.isfinite(value):
                points[metric][step] = value


def average(series: Sequence[tuple[Array, Array]]) -> Curve | None:
    """Of the runs of a group, between the last beginning and the first end; None without two common steps.

    Runs that measured at other steps are interpolated on straight lines. Beyond the common part the mean would jump
    where a run drops out.
    """
    if not series:
        return None
    first, last = max(steps[0] for steps, _ in series), min(steps[-1] for steps, _ in series)
    steps = np.unique(np.concatenate([steps for steps, _ in series]))
    steps = steps[(steps >= first) & (steps <= last)]
    if len(steps) < 2:
        return None
    if len(steps) > POINTS:
        steps = steps[np.unique(np.linspace(0, len(steps) - 1, POINTS).round().astype(int))]
    mean, sd = moments([np.interp(steps, *one) for one in series])
    return Curve(steps, mean, sd, len(series))
