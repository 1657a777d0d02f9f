"""What stands behind the headline of a test, for results.json: each target, each series, and all steps as one.

    "by_target": [{"name": "heat", "mae": 0.2, "r2": 0.9, "mase": 0.5, "naive_mae": 0.4, "naive_mase": 1.1}, ...]
    "by_series":  [{"name": "pump 1", "steps": 96, "mae": ...}, ...]        means over the targets
    "pooled":  {"mae": 0.3, "r2": 0.95, "mase": 0.6}                     all steps as if they were of one series

    "by_length":  [{"from": 40, "to": 67, "count": 1200, "acc": 0.9, "acc_scaled": 0.8}, ...]      or "by_pairs"

Of one target and of one series there is nothing more to tell. null stands where nothing can be measured.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from seqmodels.modules.base import SequenceModule
from seqmodels.modules.metrics.classification import ClassScores, scaled
from seqmodels.modules.metrics.regression import RegressionErrors


def breakdown(module: Any, datamodule: Any) -> dict[str, Any]:
    """Of the last test, beside the baselines of its data; empty where there was none, or of something else."""
    errors = module.metrics.get("test") if isinstance(module, SequenceModule) else None
    if isinstance(errors, ClassScores):
        return _accuracies(errors, datamodule)
    if not isinstance(errors, RegressionErrors) or not errors.parts:
        return {}
    parts = {name: values.cpu() for name, values in errors.parts.items()}
    steps = parts.pop("steps").long()
    for forecast, measures in datamodule.baseline_parts().items():
        parts |= {f"{forecast}_{name}": torch.as_tensor(values) for name, values in measures.items()}
    tested = steps > 0
    found: dict[str, Any] = {}
    if len(datamodule.target_names) > 1:
        means = {name: values[tested].nanmean(0) for name, values in parts.items()}
        found["by_target"] = _rows(datamodule.target_names, means)
    if tested.sum() > 1:
        names = [name for name, counts in zip(datamodule.series.names, tested.tolist(), strict=True) if counts]
        means = {name: values[tested].nanmean(1) for name, values in parts.items()}
        found["by_series"] = _rows(names, {"steps": steps[tested], **means})
        found["pooled"] = {name: _plain(value) for name, value in errors.pooled.items()}
    return found


def _accuracies(scores: ClassScores, datamodule: Any) -> dict[str, Any]:
    by = datamodule.accuracy_by
    if by is None or not scores.parts:
        return {}
    columns = {name: values.cpu() for name, values in scores.parts.items()}
    if scores.chance is not None:
        columns["acc_scaled"] = scaled(columns["acc"], scores.chance)
    rows = [
        {"from": first, "to": end - 1, **{name: _plain(values[i]) for name, values in columns.items()}}
        for i, (first, end) in enumerate(pairwise(by.edges))
    ]
    return {f"by_{by.axis}": [row | {"count": int(row["count"])} for row in rows if row["count"]]}


def _rows(names: Sequence[str], columns: dict[str, Tensor]) -> list[dict[str, Any]]:
    cells = {column: values.tolist() for column, values in columns.items()}
    return [
        {"name": str(name), **{column: _plain(values[row]) for column, values in cells.items()}}
        for row, name in enumerate(names)
    ]


def _plain(value: Any) -> Any:
    number = value.item() if isinstance(value, Tensor) else value
    return None if math.isnan(number) else number
