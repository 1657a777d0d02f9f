"""The time between the steps of labelled sequences, for cores that read it (`datamodule.gaps=dt`)."""

from typing import Literal

import numpy as np

from seqmodels.datamodules.labelled.sequences import Sequences

Gaps = Literal["ignore", "dt"]


def passed(times: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """
    Args:
        times: (S,) of sequences end to end, numbers or dates.
        starts: (N,) the first step of each.

    Returns:
        (S,) since the step before, of dates as time differences and else float64; 0 at the first of a sequence.
    """
    since = np.diff(times, prepend=times[:1])
    since = since if since.dtype.kind == "m" else since.astype(np.float64)
    since[starts] = 0
    return since


def time_step_of(train: Sequences) -> float:
    """The median time between two steps of the training sequences, in the unit of their times, of dates in seconds.

    Raises:
        ValueError: there are no times, or no two of a sequence differ.
    """
    since = _numbers(train)
    since = since[since > 0]
    if not len(since):
        raise ValueError(
            f"{train.files[0]}: gaps=dt counts time in steps, and no two steps of a sequence are apart in time; give "
            f"datamodule.gaps=ignore"
        )
    return float(np.median(since))


def in_steps(part: Sequences, time_step: float) -> np.ndarray:
    """(S,) float32 dt of `Core`: the time since the step before in steps of the training, 1 at the first of a sequence.

    Raises:
        ValueError: there are no times.
    """
    dt = _numbers(part) / time_step
    dt[part.starts] = 1
    return dt.astype(np.float32)


def _numbers(part: Sequences) -> np.ndarray:
    if part.passed is None:
        raise ValueError(
            f"{part.files[0]} is read without times, and gaps=dt tells the core how much lies between steps; give a "
            f"table with datamodule.time=COLUMN, or datamodule.gaps=ignore"
        )
    return part.passed / np.timedelta64(1, "s") if part.passed.dtype.kind == "m" else part.passed.copy()
