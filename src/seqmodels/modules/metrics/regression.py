"""Errors of predictions, by series and by target: what R2, MAE, MASE and the loss are made of.

A target has a unit of its own, and so may a series. So each measure is taken of every target of every series first, and
the mean over these is what a run reports.

a y + b in place of y leaves R2, MASE and the loss as they are and makes the MAE a times as large: errors come in units
of the training, and squares are summed in float64 around a level near the targets.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric

CONSTANT = torch.finfo(torch.float32).eps
"""A target whose standard deviation is less of its level does nothing but round."""


class RegressionErrors(Metric):
    """Sums of what steps get wrong, in float64.

    Attributes:
        parts: after `compute` the measures of S series and Y targets, `mae`, `r2` and, with a scale, `mase` (S, Y),
            and how many `steps` (S,) of a series count. NaN where nothing can be measured.
        pooled: after `compute` the same of all steps as if they were of one series, means over the targets.
    """

    full_state_update = False
    steps: Tensor
    absolute: Tensor
    squares: Tensor
    distance: Tensor
    distance_squares: Tensor

    def __init__(
        self,
        stage: str,
        unit: Any = 1.0,
        level: Any = 0.0,
        scale: Any = None,
        pooled_scale: Any = None,
        targets: int = 1,
        series: int = 1,
        **metric: Any,
    ) -> None:
        """
        Args:
            stage: val or test, for the error.
            unit: of the errors, as the training has them; one, (Y,) or (S, Y).
            level: near the targets; one, (Y,) or (S, Y).
            scale: the error of the naive forecast in the training data, in which MASE measures errors; (Y,) or (S, Y).
                NaN leaves a target out, None all.
            pooled_scale: (Y,) the same of all series together; None takes `scale`.
            targets, series: Y and S.
        """
        super().__init__(**metric)
        self.stage = stage
        self.unit, self.level = _table(unit, series, targets), _table(level, series, targets)
        self.scale = None if scale is None else _table(scale, series, targets)
        self.pooled_scale = self.scale if pooled_scale is None else _table(pooled_scale, 1, targets)
        self.parts: dict[str, Tensor] = {}
        self.pooled: dict[str, Tensor] = {}
        self._add_sum("steps", series, 1)
        for name in ("absolute", "squares", "distance", "distance_squares"):
            self._add_sum(name, series, targets)

    def _add_sum(self, name: str, *shape: int) -> None:
        self.add_state(name, torch.zeros(shape, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, error: Tensor, target: Tensor, mask: Tensor, series: Tensor) -> None:
        """
        Args:
            error: (B, T, Y), prediction less target in units of the training.
            target: (B, T, Y) in physical units.
            mask: (B, T) steps that count; at others anything may stand, NaN too.
            series: which of the S series each row belongs to, (B,), or each step, (B, T); empty: all to the first.
        """
        series = series if series.numel() else series.new_zeros(len(mask))
        counts = mask.unsqueeze(-1)
        if series.dim() > 1:  # each step is a row
            error, target, counts = (one.flatten(0, 1).unsqueeze(1) for one in (error, target, counts))
            series = series.flatten()
        unit, level = (values.to(self.steps)[series, None] for values in (self.unit, self.level))
        error = torch.where(counts, error.to(self.steps.dtype) * unit, 0)
        distance = torch.where(counts, target.to(self.steps.dtype) - level, 0)
        self.steps = self.steps.index_add(0, series, counts.sum(1).to(self.steps))
        self.absolute = self.absolute.index_add(0, series, error.abs().sum(1))
        self.squares = self.squares.index_add(0, series, error.square().sum(1))
        self.distance = self.distance.index_add(0, series, distance.sum(1))
        self.distance_squares = self.distance_squares.index_add(0, series, distance.square().sum(1))

    def compute(self) -> dict[str, Tensor]:
        """loss, the mean squared error in units of the training; and, as means over targets and series, mae, r2, mase.

        Raises:
            ValueError: fewer than 2 steps count.
        """
        total = self.steps.sum()
        if total < 2:
            raise ValueError(
                f"burn_in and the mask of the data leave {int(total)} steps to measure {self.stage}/r2, which "
                f"needs 2; give more data for {self.stage} (datamodule.{self.stage}_fraction, "
                f"datamodule.{self.stage}_windows or datamodule.{self.stage}_size), a shorter module.burn_in, or a "
                f"higher trainer.limit_{self.stage}_batches"
            )
        mean = self.level.to(self.distance) + self.distance / self.steps
        spread = self.distance_squares - self.distance.square() / self.steps
        constant = spread <= self.steps * (CONSTANT * torch.maximum(mean.abs(), self.distance.abs() / self.steps)) ** 2
        spread = spread.masked_fill(constant, 0)
        measures = _measures(self.steps, self.absolute, self.squares, spread, self.scale)
        self.parts = {"steps": self.steps.squeeze(1), **measures}
        overall = (self.steps * mean).nansum(0) / total
        between = (self.steps * (mean - overall).square()).nansum(0)
        sums = self.steps.sum(0), self.absolute.sum(0), self.squares.sum(0)
        pooled = _measures(*sums, spread.nansum(0) + between, self.pooled_scale)
        self.pooled = {measure: values.nanmean() for measure, values in pooled.items()}
        loss = (self.squares / self.unit.to(self.squares).square()).sum() / (total * self.squares.shape[1])
        return {"loss": loss, **{name: mean_of(values) for name, values in measures.items()}}


def mean_of(values: Tensor) -> Tensor:
    """The mean of (S, Y) over the targets of each series, then over the series; NaN has no part in it."""
    return values.nanmean(-1).nanmean()


def _measures(
    steps: Tensor, absolute: Tensor, squares: Tensor, spread: Tensor, scale: Tensor | None
) -> dict[str, Tensor]:
    """mae, r2 and, with a scale, mase of (..., Y) sums; `spread` is that of squares around the targets' mean, 0 where
    they stay the same: there is nothing to explain then, and R2 is 0, or 1 where nothing is wrong.
    """
    mae = absolute / steps
    r2 = torch.where(spread > 0, 1 - squares / spread, (squares == 0).to(spread)).masked_fill(steps < 2, torch.nan)
    return {"mae": mae, "r2": r2} | ({} if scale is None else {"mase": mae / scale.to(mae)})


def _table(values: Any, series: int, targets: int) -> Tensor:
    """(S, Y) of a number, of (Y,) or (S, Y); None among them is NaN."""
    return torch.from_numpy(np.array(values, dtype=np.float64)).expand(series, targets)
