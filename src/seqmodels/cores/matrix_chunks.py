"""Windows cut into chunks of steps, and what goes from one to the next: the scans over matrix states are made of it."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

CHUNK = {"cpu": 16}
"""Steps, by device. On a CPU 16 took the least time for K from 16 to 32, both scans."""
CHUNK_ELSEWHERE = 64


def in_chunks(steps: int, *tensors: Tensor) -> list[Tensor]:
    """(B, n T, H, ...) as (chunks, B, H, n C, ...), filled up with zeros, which change no state."""
    most = CHUNK.get(tensors[0].device.type, CHUNK_ELSEWHERE)
    number = math.ceil(max(tensor.shape[1] for tensor in tensors) / most)
    length = math.ceil(steps / number)
    made = []
    for tensor in tensors:
        n = tensor.shape[1] // steps
        missing = (number * length - steps) * n
        tensor = F.pad(tensor, (*[0] * (2 * (tensor.dim() - 2)), 0, missing)) if missing else tensor
        made.append(tensor.unflatten(1, (number, length * n)).movedim(0, 1).transpose(2, 3).contiguous())
    return made


def in_steps(y: Tensor, steps: int) -> Tensor:
    """(chunks, B, H, C, V) as (B, T, H, V)."""
    return y.transpose(2, 3).movedim(0, 1).flatten(1, 2)[:, :steps]


def around_chunks(
    scan: Callable[[Tensor, Tensor, Tensor], Tensor], decays: Tensor, gains: Tensor, state: Tensor
) -> Tensor:
    """The states before each chunk, and after the last: (chunks + 1, B, H, K, V).

    Args:
        scan: `linear_scan` or `matrix_scan`.
        decays, gains: a and b of it, of each chunk, (chunks, B, H, ...).
        state: before the first, (B, H, K, V).
    """
    ends = scan(decays.transpose(0, 1), gains.transpose(0, 1), state)
    return torch.cat([state.unsqueeze(1), ends], 1).transpose(0, 1)


def sums_between(log_decay: Tensor) -> Tensor:
    """Of log a (..., C) the sums after s up to t, log A_t/A_s, (..., C, C) by t and s; -inf where s comes after t."""
    sums: Tensor = _SumsBetween.apply(log_decay)
    return sums


class _SumsBetween(torch.autograd.Function):
    """The gradient of what is -inf is zero: it goes through an exponential."""

    generate_vmap_rule = True

    @staticmethod
    def forward(log_decay: Tensor) -> Tensor:
        length = log_decay.shape[-1]
        upto = torch.ones(length, length, dtype=torch.bool, device=log_decay.device).tril()
        sums = torch.where(upto.tril(-1), log_decay.unsqueeze(-1), 0.0).cumsum(-2)
        return sums.masked_fill_(~upto, -torch.inf)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        pass

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        of_sums = grad.sum(-1) - grad.sum(-2)
        return of_sums.flip(-1).cumsum(-1).flip(-1)


def matrix_scan(a: Tensor, b: Tensor, s0: Tensor) -> Tensor:
    """All S_t = a_t S_{t-1} + b_t; a (B, T, H, K, K), b (B, T, H, K, V), s0 (B, H, K, V)."""
    a, b = (tensor.transpose(0, 1).flatten(1, 2).contiguous() for tensor in (a, b))
    states = _MatrixScan.apply(a, b, s0.flatten(0, 1))
    return states.unflatten(1, s0.shape[:2]).transpose(0, 1)


class _MatrixScan(torch.autograd.Function):
    """a (T, B, K, K), b (T, B, K, V), s0 (B, K, V). The gradient is the same scan backwards, with a transposed."""

    @staticmethod
    def forward(a: Tensor, b: Tensor, s0: Tensor) -> Tensor:
        s, states = s0, torch.empty_like(b)
        for a_t, b_t, s_t in zip(a, b, states, strict=True):
            s = torch.baddbmm(b_t, a_t, s, out=s_t)
        return states

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        a, _, s0 = inputs
        ctx.save_for_backward(a, s0, output)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *tensors: Tensor) -> tuple[Tensor, int]:
        """Models that are read together are more rows of a batch."""
        models, places = info.batch_size, (1, 1, 0)
        moved = [
            tensor.unsqueeze(place).expand(*tensor.shape[:place], models, *tensor.shape[place:])
            if dim is None
            else tensor.movedim(dim, place)
            for tensor, dim, place in zip(tensors, in_dims, places, strict=True)
        ]
        flat = [tensor.flatten(place, place + 1) for tensor, place in zip(moved, places, strict=True)]
        return _MatrixScan.apply(*flat).unflatten(1, (models, -1)), 1

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        a, s0, states = ctx.saved_tensors
        total = grad.clone()
        for t in range(len(a) - 1, 0, -1):
            total[t - 1].baddbmm_(a[t].mT, total[t])
        before = torch.cat([s0.unsqueeze(0), states[:-1]])
        grad_s0 = a[0].mT @ total[0] if ctx.needs_input_grad[2] else None
        return total @ before.mT if ctx.needs_input_grad[0] else None, total, grad_s0
