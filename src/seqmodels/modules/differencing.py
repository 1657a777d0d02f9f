"""Statistics for signals with a trend: the core reads changes, the head predicts one, each in a unit of its own."""

from collections.abc import Sequence

import numpy as np

from seqmodels.modules.base import Stats


def check(
    predict_change: bool,
    difference_inputs: bool,
    target_inputs: Sequence[int] | None,
    fills_with_mean: bool,
    nan_input: str,
    state_dtype: str | None,
) -> None:
    """
    Raises:
        ValueError: what comes cannot be differenced; the arguments are those of `StreamRegressor`.
    """
    if predict_change and target_inputs is None:
        raise ValueError(
            "predict_change=true predicts by how much each target will differ from its present value, so each must be "
            "an input too, and lie ahead; add the targets to datamodule.inputs and give datamodule.horizon of at "
            "least 1, or use predict_change=false"
        )
    if difference_inputs and (nan_input == "mask" or fills_with_mean):
        raise ValueError(
            f"{'nan_input' if nan_input == 'mask' else 'datamodule.missing'}='mask' reads the mean where an input is "
            f"missing, which difference_inputs=true would take for a jump; repeat the last value instead "
            f"(datamodule.missing=ffill), or use difference_inputs=false"
        )
    if difference_inputs and state_dtype == "bfloat16":
        raise ValueError(
            "state_dtype='bfloat16' would round the last input, which difference_inputs=true subtracts from the next; "
            "use float32 or null"
        )


def input_units(levels: Stats | None, changes: Sequence[float] | None) -> Stats | None:
    """Mean of the levels and size of the changes: the difference of two inputs normalised so is of size 1."""
    return levels if levels is None or changes is None else (levels[0], changes)


def change_units(levels: Stats | None, changes: Sequence[float] | None) -> Stats | None:
    """A change's mean, 0, so that a head of zeros is the naive forecast, and its size."""
    size = changes if changes is not None else levels and levels[1]
    if size is None:
        return None
    return np.zeros_like(size, dtype=float).tolist(), size
