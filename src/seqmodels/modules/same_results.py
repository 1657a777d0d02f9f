"""Whether a step that was recorded gave what the plain one gives."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqmodels.modules.tensor_trees import tensors_of

TOLERANCE = {torch.float64: 1e-8, torch.float32: 1e-3, torch.bfloat16: 5e-2, torch.float16: 5e-2}
"""Of a difference to the largest number of a tensor. Both sides mostly run the same kernels, which then give the same
bits; libraries may sum in another order in a recording."""

SMALL = 0.01
"""A gradient is measured by this share of the largest one of all weights at least: what is all but zero is noise."""


class Results(NamedTuple):
    """What a step computes.

    Attributes:
        outputs: of the module's `compute`, cut off from the graph; the first is the loss.
        gradients: of the loss, one for each weight that learns; None of a weight that it does not depend on.
    """

    outputs: tuple[Any, ...]
    gradients: tuple[Tensor | None, ...]


def check_same(plain: Results, played: Results, names: Sequence[str], precision: torch.dtype | None) -> None:
    """
    Args:
        plain, played: the results of both.
        names: of the weights that have gradients.
        precision: of the computation, where it is not that of the tensors.

    Raises:
        ValueError: they differ by more than rounding; it names the worst.
    """
    pairs = list(zip(tensors_of(plain.outputs), tensors_of(played.outputs), strict=True))
    said = ["the loss", *(f"output {number}" for number in range(1, len(pairs)))]
    apart = [_apart(ours, theirs, precision) for ours, theirs in pairs]
    largest = _largest([one for one in plain.gradients if one is not None])
    for name, ours, theirs in zip(names, plain.gradients, played.gradients, strict=True):
        if (ours is None) != (theirs is None):
            raise ValueError(_message(f"the gradient of {name}", "one of both has none"))
        if ours is not None and theirs is not None:
            said.append(f"the gradient of {name}")
            apart.append(_apart(ours, theirs, precision, SMALL * largest))
    ratios = torch.stack(apart).tolist()  # the one place where a GPU is waited for
    worst = max(range(len(ratios)), key=lambda number: ratios[number] if ratios[number] == ratios[number] else 1e300)
    if not ratios[worst] <= 1:
        raise ValueError(_message(said[worst], f"{ratios[worst]:.3g} times as far apart as rounding explains"))


def _message(what: str, how: str) -> str:
    return (
        f"cuda_graphs=true: {what} of a recorded step is not what the plain step gives ({how}), so something in this "
        f"model or in a callback changes from step to step that is no tensor; go on from the last checkpoint with "
        f"resume=FOLDER cuda_graphs=false"
    )


def _apart(plain: Tensor, played: Tensor, precision: torch.dtype | None, least: Tensor | float = 0.0) -> Tensor:
    """The largest difference as a multiple of what is allowed; NaN where one of both is."""
    if not plain.numel():
        return torch.zeros((), dtype=torch.float64, device=plain.device)
    if not (plain.is_floating_point() or plain.is_complex()):
        return torch.where((plain == played).all(), 0.0, torch.inf).double()
    allowed = max(TOLERANCE.get(one, 1e-3) for one in (plain.dtype, played.dtype, precision) if one is not None)
    same = (plain == played) | (plain.isnan() & played.isnan())
    difference = torch.where(same, 0, (plain - played).abs().double()).max()
    scale = torch.clamp(torch.where(plain.isfinite(), plain.abs().double(), 0).max(), min=1e-30)
    return difference / (allowed * torch.maximum(scale, torch.as_tensor(least, device=scale.device).double()))


def _largest(gradients: Sequence[Tensor]) -> Tensor | float:
    sizes = [torch.where(one.isfinite(), one.abs().double(), 0).max() for one in gradients if one.numel()]
    return torch.stack(sizes).max() if sizes else 0.0
