"""First-order linear recurrences, read as a few long vector operations: h_t = a_t h_{t-1} + b_t.

A recurrence that is linear in its state is associative, (a, b) then (a', b') being (a' a, a' b + b'), so that pieces of
the time can be read side by side and joined afterwards (Blelloch 1990; Martin & Cundy 2018, arXiv 1709.04057):

    9 steps as 3 chunks    1 2 3 | 4 5 6 | 7 8 9    inside: steps 1 4 7, then 2 5 8, then 3 6 9, each chunk from zero
                               ->      ->           across: the end of each chunk, through the product of its a
                           every step adds the end of the chunk before, through the product of the a since

About 2 sqrt(T) operations instead of T. Nothing is divided and no logarithm taken: decays that underflow are right.
"""

import math
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

WIDE = 1024
"""Numbers a step from which on a CPU is busy with one step after the other; chunks would only add work."""


def linear_scan(a: Tensor, b: Tensor, h0: Tensor, reset: Tensor | None = None) -> Tensor:
    """All states of h_t = a_t h_{t-1} + b_t, with exact gradients and O(T) memory.

    Args:
        a: the decays, real or complex; (B, T, ...), or 1 in place of sizes along which they are the same.
        b: (B, T, ...).
        h0: (B, ...), the state before the first step.
        reset: (B, T) bool, True where h_t = b_t, since a sequence begins there with a state of zero.

    Returns:
        h_1 ... h_T, (B, T, ...).
    """
    if reset is not None:
        a = torch.where(reset.view(*reset.shape, *[1] * (b.dim() - 2)), 0, a)
    if b.shape[1] == 1:
        return a * h0.unsqueeze(1) + b
    dtype = torch.promote_types(torch.promote_types(a.dtype, b.dtype), h0.dtype)
    h: Tensor = _LinearScan.apply(a.to(dtype), b.to(dtype), h0.to(dtype))
    return h


def check_dtype(weights: Tensor) -> None:
    """Refuse weights that a complex recurrence is not computed from.

    Raises:
        ValueError: they are float16 or bfloat16.
    """
    if weights.dtype not in (torch.float32, torch.float64):
        raise ValueError(
            f"weights of {weights.dtype} cannot say how near to 1 a decay is; keep them in float32, as "
            f"trainer.precision=bf16-mixed does, or float64"
        )


class _LinearScan(torch.autograd.Function):
    """G_t, the gradient by h_t of all it leads to, is g_t + conj(a_{t+1}) G_{t+1}: the same scan backwards in time."""

    @staticmethod
    def forward(a: Tensor, b: Tensor, h0: Tensor) -> Tensor:
        return _scan(a, b, h0)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
        a, _, h0 = inputs
        ctx.save_for_backward(a, output, h0)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], a: Tensor, b: Tensor, h0: Tensor) -> tuple[Tensor, int]:
        """Models that are read together are more rows of a batch."""
        models = info.batch_size
        rows = (b if in_dims[1] is None else b.movedim(in_dims[1], 0)[0]).shape[0]

        def flat(tensor: Tensor, dim: int | None) -> Tensor:
            tensor = tensor.expand(models, *tensor.shape) if dim is None else tensor.movedim(dim, 0)
            return tensor.expand(models, rows, *tensor.shape[2:]).flatten(0, 1)

        h = _LinearScan.apply(*(flat(*one) for one in zip((a, b, h0), in_dims, strict=True)))
        return h.unflatten(0, (models, rows)), 0

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        a, h, h0 = ctx.saved_tensors
        after = a if a.shape[1] == 1 else torch.cat([a[:, 1:], torch.zeros_like(a[:, :1])], 1)
        total = _scan(after.conj().resolve_conj(), grad, None, backwards=True)
        grad_a = grad_h0 = None
        if ctx.needs_input_grad[0]:
            before = torch.cat([h0.unsqueeze(1), h[:, :-1]], 1)
            grad_a = (total * before.conj()).sum_to_size(a.shape)
        if ctx.needs_input_grad[2]:
            grad_h0 = a[:, 0].conj() * total[:, 0]
        return grad_a, total, grad_h0


def _scan(a: Tensor, b: Tensor, h0: Tensor | None, backwards: bool = False) -> Tensor:
    """As `linear_scan`, or from the last step to the first; None begins with zero."""
    steps, count = b.shape[1], _chunks(b)
    length = math.ceil(steps / count)
    h = b.new_empty(b.shape[0], count * length, *b.shape[2:])
    h[:, :steps] = b
    h[:, steps:] = 0
    if h0 is not None:
        h[:, 0] += a[:, 0] * h0
    if a.shape[1] > 1 and steps < count * length:
        a = torch.cat([a, a.new_zeros(a.shape[0], count * length - steps, *a.shape[2:])], 1)
    chunks = h.view(b.shape[0], count, length, *b.shape[2:])
    decay = a.unsqueeze(1) if a.shape[1] == 1 else a.view(a.shape[0], count, length, *a.shape[2:])
    _within(decay, chunks, backwards)
    if count > 1:
        _across(_products(decay, length, backwards), chunks, backwards)
    return h[:, :steps]


def _chunks(b: Tensor) -> int:
    steps, width = b.shape[1], b[:, 0].numel()
    return 1 if b.device.type == "cpu" and width >= WIDE else max(1, math.isqrt(steps))


def _within(decay: Tensor, chunks: Tensor, backwards: bool) -> None:
    """Every chunk from zero, in place; (B, chunks, steps, ...)."""
    decays = decay.expand(-1, -1, chunks.shape[2], *[-1] * (decay.dim() - 3)).unbind(2)
    values = chunks.unbind(2)
    order = range(len(values))[::-1] if backwards else range(len(values))
    for last, now in pairwise(order):
        values[now].addcmul_(decays[now], values[last])


def _products(decay: Tensor, length: int, backwards: bool) -> Tensor:
    """Of the decays of a chunk up to each step, (B, chunks, steps, ...)."""
    products = decay.expand(-1, -1, length, *[-1] * (decay.dim() - 3))
    products = products.flip(2) if backwards else products
    products = products.cumprod(2)
    return products.flip(2) if backwards else products


def _across(products: Tensor, chunks: Tensor, backwards: bool) -> None:
    """To every chunk what the chunks before it left, in place."""
    edge = 0 if backwards else -1
    order = range(chunks.shape[1])[::-1] if backwards else range(chunks.shape[1])
    ends = [chunks[:, order[0], edge]]
    through = products[:, :, edge].expand(-1, chunks.shape[1], *[-1] * (products.dim() - 3))
    for chunk in order[1:]:
        ends.append(torch.addcmul(chunks[:, chunk, edge], through[:, chunk], ends[-1]))
    before = torch.stack(ends[:-1][::-1] if backwards else ends[:-1], 1).unsqueeze(2)
    later = slice(None, -1) if backwards else slice(1, None)
    weights = products if products.shape[1] == 1 else products[:, later]
    chunks[:, later] += weights * before
