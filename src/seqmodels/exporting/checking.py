"""A file against the run itself: the same streams read by both, the file's own state fed back to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from seqmodels.cores.base import State
from seqmodels.exceptions import first_line
from seqmodels.exporting.capturing import CannotExport
from seqmodels.exporting.graphs import Call, begin, dtype_of

LENGTHS = {"step": [1] * 1000, "window": [1, 7, 2, 50, 340, 600]}
"""Steps read by each call, one after the other."""

BATCHES = (1, 3)


class Disagrees(ValueError):
    """The file computes something else than the run."""


@dataclass(frozen=True)
class Trial:
    """What the run itself makes of streams of noise.

    Attributes:
        inputs: x of each call, and dt where there is one.
        states: before each call, and after the last.
        outputs: y of each call.
    """

    inputs: list[tuple[Tensor, ...]]
    states: list[State]
    outputs: list[Tensor]


def trials(name: str, module: Any, has_dt: bool = False) -> list[Trial]:
    """The streams that a step or a window is tried on, of as many rows as `BATCHES` says.

    Raises:
        ValueError: the run's own output is no number.
    """
    return [_trial(module, batch, LENGTHS[name], name == "step", has_dt) for batch in BATCHES]


@torch.no_grad()
def _trial(module: Any, batch: int, lengths: Sequence[int], step: bool, has_dt: bool) -> Trial:
    generator = torch.Generator().manual_seed(batch)
    noise = torch.randn(batch, sum(lengths), module.core.input_size, generator=generator, dtype=dtype_of(module))
    chunks = (module.input_mean + module.input_std * noise).to(dtype_of(module)).split(list(lengths), dim=1)
    times = (3 * torch.rand(batch, sum(lengths), generator=generator)).to(noise.dtype).split(list(lengths), dim=1)
    outputs, states = [], [begin(module, batch)]
    for number, (chunk, dt) in enumerate(zip(chunks, times, strict=True)):
        y, state = module(chunk, states[-1] if number else None, **({"dt": dt} if has_dt else {}))
        outputs.append(y.squeeze(1) if step and y.dim() == 3 else y)
        states.append(state)
    if not all(y.isfinite().all() for y in outputs):
        raise ValueError("the run's own output for noise like its data is NaN or infinite; choose another checkpoint")
    inputs = zip(chunks, times, strict=True) if has_dt else ((chunk,) for chunk in chunks)
    return Trial([tuple(one.squeeze(1) if step else one for one in parts) for parts in inputs], states, outputs)


def check(call: Call, tried: Sequence[Trial], unit: Tensor, tolerance: float) -> float:
    """
    Args:
        call: the file at work.
        tried: from `trials`.
        unit: (Y,) or (), what differences are measured in.
        tolerance: in that unit; what float32 cannot tell apart is allowed beside it.

    Returns:
        The largest difference between the outputs.

    Raises:
        CannotExport: the file does not run on these streams.
        Disagrees: a difference is larger than allowed, or the states at the end are not the same.
    """
    return max(_compare(call, trial, unit, tolerance) for trial in tried)


def _compare(call: Call, trial: Trial, unit: Tensor, tolerance: float) -> float:
    state, largest, read = trial.states[0], 0.0, 0
    for inputs, y in zip(trial.inputs, trial.outputs, strict=True):
        found, *state = _run(call, inputs, state)  # type: ignore[assignment]
        read += inputs[0].shape[1] if inputs[0].dim() == 3 else 1
        _check_shape("the output", found, y, read)
        largest = max(largest, (worst := ((found - y).abs() / unit).max().item()))
        if not _near(found, y, unit, tolerance):
            raise Disagrees(_complaint(call, trial, unit, worst, read, tolerance))
    for number, (found, end) in enumerate(zip(state, trial.states[-1], strict=True)):
        _check_shape(f"state_{number}", found, end, read)
        if found.dtype != end.dtype or not _near(found, end, end.abs().max().clamp(min=1), tolerance):
            raise Disagrees(f"state_{number} after {read} steps is not that of the run itself; nothing was written")
    return largest


def _check_shape(what: str, found: Tensor, own: Tensor, read: int) -> None:
    if found.shape != own.shape:
        shapes = ["x".join(map(str, tensor.shape)) for tensor in (found, own)]
        raise Disagrees(f"{what} after {read} steps is {shapes[0]}, and {shapes[1]} in the run itself")


def _near(found: Tensor, own: Tensor, unit: Tensor, tolerance: float) -> bool:
    if not own.is_floating_point():
        return torch.equal(found, own)
    return bool(((found - own).abs() <= tolerance * unit + 4 * torch.finfo(own.dtype).eps * own.abs()).all())


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
    return (
        f"the file differs from the run itself by {worst:.0e} at step {read}, more than tolerance={tolerance:g}, and "
        f"by {alone:.0e} at most where each call is given the run's own state; nothing was written. If the second "
        f"number is small, roundings grow in this model, as in a chaotic one, and a larger tolerance= accepts that"
    )


def unit_of(module: Any, tried: Sequence[Trial]) -> Tensor:
    """The target's standard deviation, where the module knows one; else the size of the largest output, at least 1.

    Logits have any size, and what float32 makes of them is off by a part of it.
    """
    std = getattr(module, "target_std", None)
    if std is not None:
        return std.detach()
    return torch.stack([y.abs().max() for trial in tried for y in trial.outputs]).max().clamp(min=1)
