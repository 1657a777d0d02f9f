"""A training step that a model asks for, and what comes of it."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class Task(NamedTuple):
    """A training step that is to be computed.

    Attributes:
        place: of the model among the N of the stack.
        module: whose step it is, a `SequenceModule`.
        inputs: of the module's `compute`.
        weights: of the module, by their names.
    """

    place: int
    module: Any
    inputs: tuple[Any, ...]
    weights: dict[str, nn.Parameter]


class Answer(NamedTuple):
    """What comes of it.

    Attributes:
        computed: as the module's `compute` returns it, cut off from the graph.
        gradients: of its trainable parameters, by their names; None of one that the loss does not depend on.
    """

    computed: tuple[Any, ...]
    gradients: dict[str, Tensor | None]

    def given_to(self, weights: dict[str, nn.Parameter]) -> tuple[Any, ...]:
        """What was computed, with a loss that leads back to the module's weights as if it came from there."""
        known = {name: gradient for name, gradient in self.gradients.items() if gradient is not None}
        parameters = [weights[name] for name in known]
        return (_Known.apply(self.computed[0], list(known.values()), *parameters), *self.computed[1:])


class _Known(torch.autograd.Function):
    """A loss whose gradients are known already."""

    @staticmethod
    def forward(ctx: Any, loss: Tensor, gradients: list[Tensor], *parameters: Tensor) -> Tensor:
        ctx.gradients = gradients
        return loss.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return None, None, *(gradient * grad for gradient in ctx.gradients)


def task_of(place: int, module: nn.Module, inputs: tuple[Any, ...]) -> Task:
    """The task, with the module's weights looked up."""
    return Task(place, module, inputs, dict(module.named_parameters()))


def trainable(task: Task, part: str = "") -> dict[str, nn.Parameter]:
    """The weights that learn, by their names; those of a part of the module, "core." or "head."."""
    return {name: weight for name, weight in task.weights.items() if weight.requires_grad and name.startswith(part)}
