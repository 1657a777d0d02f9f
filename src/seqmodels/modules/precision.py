"""Training in half precision throughout (`16-true`, `bf16-true`), where only what has weights is of half precision.

Lightning would make everything half: a pressure of 101325 in pascal would be infinite in float16, and 101376 in
bfloat16, before it is normalised; sums of losses and metrics would stop growing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from lightning.pytorch.plugins import HalfPrecision
from torch import nn
from torch.optim import Optimizer


class HalfWeights(HalfPrecision):
    """The weights, and what is between them, in half precision; data, statistics, losses and metrics as they are."""

    def __init__(self, precision: Literal["16-true", "bf16-true"]) -> None:
        super().__init__(precision)

    def convert_module(self, module: nn.Module) -> nn.Module:
        for child in module.children():
            if any(True for _ in child.parameters()):
                super().convert_module(child)
        return module

    def convert_input(self, data: Any) -> Any:
        return data

    @contextmanager
    def forward_context(self) -> Iterator[None]:
        """Tensors made on the way are of the default precision; a core says of which its own are."""
        yield


def check_precision(optimizer: Optimizer) -> None:
    """
    Raises:
        ValueError: weights in float16 with an `eps` that is too small for it: Adam would divide by next to nothing.
    """
    for group in optimizer.param_groups:
        half = any(parameter.dtype == torch.float16 for parameter in group["params"])
        if half and group.get("eps", 1.0) < 1e-4:
            raise ValueError(
                f"optimizer.eps={group['eps']} is too small for trainer.precision=16-true, in which the square of a "
                f"gradient below 0.0002 is zero; give optimizer.eps=0.0001, or trainer.precision=bf16-true"
            )
