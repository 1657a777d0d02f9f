"""What figures of streams keep of each window, and how they put it together again."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqmodels.callbacks.figures.curves import Curves


class Piece(NamedTuple):
    """One window of B streams, float32 on the CPU.

    Attributes:
        x: (B, T, D) inputs; NaN where there is no target.
        y, prediction: (B, T) of the first target; NaN where there is none.
        counts: (B, T) bool.
    """

    x: Tensor
    y: Tensor
    prediction: Tensor
    counts: Tensor


def piece(batch: Any, prediction: Tensor, counts: Tensor, streams: int) -> Piece:
    """The first `streams` of a window, of its prediction and of the steps that count."""
    x, y, predicted, counts = (tensor[:streams] for tensor in (batch.x, batch.y[..., 0], prediction[..., 0], counts))
    x, y, predicted = (tensor.detach().float() for tensor in (x, y, predicted))
    nothing = y.isnan()  # a missing target, or padding
    x, predicted = x.masked_fill(nothing[..., None], math.nan), predicted.masked_fill(nothing, math.nan)
    return Piece(*(tensor.cpu() for tensor in (x, y, predicted, counts)))


def first_stream(pieces: Sequence[Piece], first_step: int, horizon: int, names: Sequence[str]) -> Curves:
    """The first stream, whose steps are only counted.

    Args:
        pieces: neighbouring windows, of any length.
        first_step: the number of their first step.
        horizon: h; the target of a step is h steps further on.
        names: of the inputs and of the first target.
    """
    x, y, prediction, counts = (torch.cat([part[0] for part in parts]).numpy() for parts in zip(*pieces, strict=True))
    naive = np.concatenate([np.full(horizon, np.nan), y])[: len(y)] if horizon else None
    borders = np.cumsum([part.y.shape[1] for part in pieces]).tolist()
    times = first_step + np.arange(len(y) + horizon)
    return Curves(times, "step", x, y, prediction, naive, counts, horizon, list(names), borders)


def one_series(
    pieces: Sequence[Piece], rows: Sequence[np.ndarray], axis: Any, most: int, horizon: int, names: Sequence[str]
) -> Curves:
    """Steps that count and lie near each other in one series, whichever streams have read them.

    Args:
        pieces: windows.
        rows: (B, T) of each, where its steps lie in the table; -1 for padding.
        axis: the series' `begin` in the table, the `times` of its rows, and their `label`.
        most: steps; the newest that count of the first stream are among them.
        horizon, names: as in `first_stream`.
    """
    at = np.concatenate([part.reshape(-1) for part in rows]) - axis.begin
    x, y, prediction, counts = (
        torch.cat([part.flatten(0, 1) for part in parts]).numpy() for parts in zip(*pieces, strict=True)
    )
    inside = (at >= 0) & (at < len(axis.times))
    at, x, y, prediction, counts = (values[inside] for values in (at, x, y, prediction, counts))
    begin, end = _near(np.unique(at[counts]), newest(pieces, rows) - axis.begin, most, len(rows[0][0]))
    places = np.full(len(axis.times), -1)
    order = np.argsort(counts, kind="stable")  # of a step that is read twice, once as warm-up, the one that counts
    places[at[order]] = order
    drawn, before = places[begin:end], places[np.arange(begin, end) - horizon]
    before = np.where(np.arange(begin, end) < horizon, -1, before)
    x_drawn, y_drawn, predicted = (_picked(values, drawn) for values in (x, y, prediction))
    naive, counted = _picked(y, before) if horizon else None, counts[drawn] & (drawn >= 0)
    times = np.array(axis.times[begin : end + horizon])
    return Curves(times, axis.label, x_drawn, y_drawn, predicted, naive, counted, horizon, list(names), [])


def newest(pieces: Sequence[Piece], rows: Sequence[np.ndarray]) -> int:
    """The last row that the first stream has read and that counts; -1 if there is none."""
    own = np.concatenate([part[0] for part in rows])[torch.cat([part.counts[0] for part in pieces]).numpy()]
    return int(own[-1]) if len(own) else -1


def _near(rows: np.ndarray, one: int, most: int, gap: int) -> tuple[int, int]:
    """Where ascending rows with no gap as wide as `gap` begin and end around one of them, at most so many."""
    borders = np.flatnonzero(np.diff(rows) > gap) + 1
    group = np.split(rows, borders)[int(np.searchsorted(rows[borders], one, "right"))]
    begin, end = int(group[0]), int(group[-1]) + 1
    begin = max(begin, min(one + 1 - most, end - most)) if one + 1 - begin > most else begin
    return begin, min(end, begin + most)


def _picked(values: np.ndarray, steps: np.ndarray) -> np.ndarray:
    found = values[steps].copy()
    found[steps < 0] = np.nan
    return found
