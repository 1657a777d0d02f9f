"""A file against the run itself: the same streams read by both, the file's own state fed back to it.

Two programs round differently, and a state that turns a small difference into a large one, as where a decision hangs on
it, carries that on. How much rounding alone does is asked of the run itself, which is computed in 64 bits as well.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from seqmodels.exceptions import first_line
from seqmodels.exporting.capturing import CannotExport
from seqmodels.exporting.graphs import Call
from seqmodels.exporting.trial import Trial

ROUNDINGS, MOST = 8, 100
"""How many times as far as rounding took the run a file may be off, but for no more than so many tolerances."""


class Disagrees(ValueError):
    """The file computes something else than the run."""


def check(call: Call, tried: Sequence[Trial], unit: Tensor, tolerance: float) -> float:
    """
    Args:
        call: the file at work.
        tried: from `trials`.
        unit: (Y,) or (), what differences are measured in.
        tolerance: in that unit; what float32 cannot tell apart, and what rounding has done to the run itself up to
            there, is allowed beside it.

    Returns:
        The largest difference between the outputs.

    Raises:
        CannotExport: the file does not run on these streams.
        Disagrees: a difference is larger than allowed, or the states at the end are not the same.
    """
    return max(_compare(call, trial, unit, tolerance) for trial in tried)


def _compare(call: Call, trial: Trial, unit: Tensor, tolerance: float) -> float:
    state, largest, read = trial.states[0], 0.0, 0
    for number, (inputs, y) in enumerate(zip(trial.inputs, trial.outputs, strict=True)):
        found, *state = _run(call, inputs, state)  # type: ignore[assignment]
        read += inputs[0].shape[1] if inputs[0].dim() == 3 else 1
        _check_shape("the output", found, y, read)
        largest = max(largest, (worst := ((found - y).abs() / unit).max().item()))
        allowed = tolerance * unit
        if not _near(found, y, allowed) and not _near(found, y, _grown(allowed, trial.roundings[0][number])):
            raise Disagrees(_complaint(call, trial, unit, worst, read, tolerance))
    for number, (found, end) in enumerate(zip(state, trial.states[-1], strict=True)):
        _check_shape(f"state_{number}", found, end, read)
        allowed = tolerance * end.abs().max().clamp(min=1)
        near = found.dtype == end.dtype and (
            _near(found, end, allowed) or _near(found, end, _grown(allowed, trial.roundings[1][number]))
        )
        if not near:
            raise Disagrees(f"state_{number} after {read} steps is not that of the run itself; nothing was written")
    return largest


def _check_shape(what: str, found: Tensor, own: Tensor, read: int) -> None:
    if found.shape != own.shape:
        shapes = ["x".join(map(str, tensor.shape)) for tensor in (found, own)]
        raise Disagrees(f"{what} after {read} steps is {shapes[0]}, and {shapes[1]} in the run itself")


def _near(found: Tensor, own: Tensor, allowed: Tensor) -> bool:
    if not own.is_floating_point():
        return torch.equal(found, own)
    return bool(((found - own).abs() <= allowed + 4 * torch.finfo(own.dtype).eps * own.abs()).all())


def _grown(allowed: Tensor, rounding: Tensor) -> Tensor:
    return allowed + torch.minimum(ROUNDINGS * rounding, MOST * allowed)


def _run(call: Call, inputs: Sequence[Tensor], state: Sequence[Tensor]) -> tuple[Tensor, ...]:
    try:
        return call(*inputs, *state)
    except Exception as error:
        reason = first_line(error)
        raise CannotExport(
            f"the file does not run with x of {'x'.join(map(str, inputs[0].shape))}: {reason}"
        ) from error


def _complaint(call: Call, trial: Trial, unit: Tensor, worst: float, read: int, tolerance: float) -> str:
    """Tell a wrong graph from a model in which roundings grow."""
    alone = max(
        ((_run(call, inputs, state)[0] - y).abs() / unit).max().item()
        for inputs, state, y in zip(trial.inputs, trial.states, trial.outputs, strict=False)
    )
    own = max((rounding / unit).max().item() for rounding in trial.roundings[0])
    return (
        f"the file differs from the run itself by {worst:.0e} at step {read}, more than tolerance={tolerance:g}, and "
        f"by {alone:.0e} at most where each call is given the run's own state; nothing was written. Rounding alone "
        f"takes the run {own:.0e} from what 64 bits give: if that is not small, roundings grow in this model, as in a "
        f"chaotic one, and a larger tolerance= accepts that"
    )
