"""The short causal convolution in front of a recurrence, each channel by itself: y_t = bias + Σ_k weight_k x_{t-K+1+k}.

H3 (Fu et al. 2022, arXiv 2212.14052) put one before its state space, and Mamba and the delta rules kept it: what stands
next to each other is compared here, so that the state need not.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def short_convolution(
    x: Tensor, tail: Tensor, weight: Tensor, bias: Tensor, reset: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """
    Args:
        x: (B, T, E).
        tail: (B, K - 1, E), the last inputs before, whose type the convolution is computed in.
        weight: (K, E), the oldest step first.
        bias: (E,).
        reset: (B, T) bool, steps at which a stream starts anew, behind zeros.

    Returns:
        y (B, T, E), and the tail after the last step.
    """
    read, steps = torch.cat([tail, x.to(tail.dtype)], 1), x.shape[1]
    if reset is not None:
        return _from_resets(read, weight, bias, reset)
    y = (_convolve_step if steps == 1 else convolve)(read, weight, bias)
    return y, read[:, steps:].clone()


@torch.compiler.disable
def convolve(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Each channel with its own weights: y_t = bias + Σ_k weight_k x_{t+k}, whose last step is x's.

    Args:
        x: (B, K - 1 + T, E).
        weight: (K, E), the oldest step first.
        bias: (E,).

    Returns:
        y, (B, T, E).
    """
    y: Tensor = _Convolution.apply(x, weight, bias)
    return y


def _convolve_step(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """`convolve` of one step."""
    y = bias
    for k, tap in enumerate(weight):
        y = torch.addcmul(y, x[:, k : k + 1], tap)
    return y


def _from_resets(read: Tensor, weight: Tensor, bias: Tensor, reset: Tensor) -> tuple[Tensor, Tensor]:
    """`convolve`, and the tail, where no stream sees what was before its last reset."""
    stream = reset.cumsum(1)
    before = stream.new_zeros(len(stream), len(weight) - 1)
    streams, steps, y = torch.cat([before, stream], 1), reset.shape[1], bias
    for k, tap in enumerate(weight):
        of_it = (streams[:, k : k + steps] == stream).unsqueeze(-1)
        y = torch.addcmul(y, torch.where(of_it, read[:, k : k + steps], 0.0), tap)
    of_it = (streams[:, steps:] == stream[:, -1:]).unsqueeze(-1)
    return y, torch.where(of_it, read[:, steps:], 0.0)


class _Convolution(torch.autograd.Function):
    """As `convolve`. The gradient goes row by row: a row is what a cache holds."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        taps, steps = weight.unbind(), x.shape[1] - len(weight) + 1
        y = torch.addcmul(bias, x[:, :steps], taps[0])
        for k, tap in enumerate(taps[1:], 1):
            y.addcmul_(x[:, k : k + steps], tap)
        return y

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:2])

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *tensors: Tensor) -> tuple[Tensor, int]:
        """Models that are read together are more channels."""
        models = info.batch_size

        def flat(tensor: Tensor, dim: int | None) -> Tensor:
            if dim is None:
                return tensor.unsqueeze(-2).expand(*tensor.shape[:-1], models, -1).flatten(-2)
            return tensor.movedim(dim, -2).flatten(-2)

        y = _Convolution.apply(*(flat(*one) for one in zip(tensors, in_dims, strict=True)))
        return y.unflatten(-1, (models, -1)), 2

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        grad_x, grad_weight, steps = torch.zeros_like(x), torch.zeros_like(weight), grad.shape[1]
        for grad_row, row, grad_x_row in zip(grad, x, grad_x, strict=True):
            for k, tap in enumerate(weight):
                grad_x_row[k : k + steps].addcmul_(grad_row, tap)
                grad_weight[k] += (grad_row * row[k : k + steps]).sum(0)
        return grad_x, grad_weight, grad.sum((0, 1))
