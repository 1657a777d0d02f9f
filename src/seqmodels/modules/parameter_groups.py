"""Parameter groups: what sets a core's time scales is learned at a rate of its own and without weight decay."""

from collections.abc import Callable
from typing import Any

from torch import nn
from torch.optim import Optimizer

from seqmodels.cores.base import Core


def timescale_parameters(module: nn.Module) -> dict[str, nn.Parameter]:
    """The trainable parameters that the cores inside call `timescale_parameters`, by their full names."""
    found = {
        f"{prefix}.{name}".lstrip("."): core.get_parameter(name)
        for prefix, core in module.named_modules()
        if isinstance(core, Core)
        for name in core.timescale_parameters
    }
    return {name: parameter for name, parameter in found.items() if parameter.requires_grad}


def grouped_optimizer(make: Callable[[Any], Optimizer], module: nn.Module, timescale_lr: float) -> Optimizer:
    """An optimiser of the trainable parameters: one group, and a second one of what sets time scales.

    Args:
        make: from parameters, or groups of them, to an optimiser.
        module: whose parameters are trained.
        timescale_lr: the learning rate of the second group as a multiple of the first one's.
    """
    special = timescale_parameters(module)
    weights = {name: p for name, p in module.named_parameters() if p.requires_grad and name not in special}
    if not special:
        return make(list(weights.values()))
    optimizer = make([{"params": list(group.values())} for group in (weights, special)])
    second = optimizer.param_groups[1]
    second["lr"] = second["lr"] * timescale_lr
    if "weight_decay" in second:
        second["weight_decay"] = 0.0
    return optimizer
