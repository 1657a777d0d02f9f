"""Linear recurrences of matrix states, read a chunk of steps at a time.

    decay_scan     S_t = a_t S_{t-1} + k_t v_t'                                y_t = S_t' q_t
    delta_scan     S_t = a_t (1 - b_t k_t k_t') S_{t-1} + b_t k_t v_t'         y_t = S_t' q_t

In each head S is K x V: what was written with a key is read with it. The first only adds (Dao & Gu 2024, arXiv
2405.21060, section 6); the second, the gated delta rule, first takes out what stood under its key (Yang et al. 2024,
arXiv 2406.06484 and 2412.06464). Unrolled inside a chunk that begins with S_0, both are

    S_t = A_t S_0 + Σ_{s <= t} A_t/A_s k_s u_s'        A_t = a_1 ... a_t

where u is v, or what the delta rule really changes,

    u_t = b_t (v_t - A_t S_0' k_t - Σ_{s < t} A_t/A_s (k_s' k_t) u_s)

one triangular system a chunk, solved for all S_0 at once. So a window is some products of C x C matrices, side by side
for all chunks, and a recurrence from chunk to chunk.

Decays come as logarithms. A_t/A_s is the exponential of the sum of those between s and t, which is never above zero and
is added up by itself: a difference of two long sums would have lost its digits, and -inf, a step that forgets
everything, would make it no number. All is computed in float32 or better, also under autocast; the state keeps the type
it came with.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from seqmodels.cores.scan import linear_scan

CHUNK = {"cpu": 16}
"""Steps, by device. On a CPU 16 took the least time for K from 16 to 32, both scans."""
CHUNK_ELSEWHERE = 64


@torch.compiler.disable  # it would compile every length anew
def decay_scan(
    q: Tensor, k: Tensor, v: Tensor, log_decay: Tensor, state: Tensor, reset: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """S_t = a_t S_{t-1} + k_t v_t', with exact gradients and O(T) memory.

    Args:
        q, k: (B, T, H, K), or 1 in place of H.
        v: (B, T, H, V).
        log_decay: log a, (B, T, H), from -inf to 0.
        state: S_0, (B, H, K, V).
        reset: (B, T) bool, steps before which S is zero.

    Returns:
        y (B, T, H, V), and S_T.
    """
    with torch.autocast(state.device.type, enabled=False):
        kept, (q, k, v, log_decay, state) = state.dtype, _precise(q, k, v, log_decay, state)
        log_decay, state = _forgotten(log_decay, state, reset)
        if v.shape[1] == 1:
            state = log_decay[:, 0, :, None, None].exp() * state + k[:, 0].unsqueeze(-1) * v[:, 0].unsqueeze(-2)
            return _read(state, q), state.to(kept)
        steps = v.shape[1]
        q, k, v, log_decay = _chunks(steps, q, k, v, log_decay)
        within, since = _Decays.apply(log_decay), log_decay.cumsum(-1).exp()
        gains = k.mT @ (within[..., -1, :].unsqueeze(-1) * v)
        states = _before(linear_scan, since[..., -1:, None], gains, state)
        y = ((q @ k.mT) * within) @ v + since.unsqueeze(-1) * (q @ states[:-1])
        return _steps(y, steps), states[-1].to(kept, copy=True)


@torch.compiler.disable
def delta_scan(
    q: Tensor, k: Tensor, v: Tensor, beta: Tensor, log_decay: Tensor, state: Tensor, reset: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """S_t = a_t (1 - b_t k_t k_t') S_{t-1} + b_t k_t v_t', with exact gradients and O(T) memory.

    Several changes a step make a product of such matrices: the decay comes before the first, y is read after the last.

    Args:
        q: (B, T, H, K).
        k: (B, n T, H, K), of length 1 at most where beta goes up to 2.
        v: (B, n T, H, V).
        beta: b, (B, n T, H), from 0 to 2: 1 replaces what stood there, 2 reflects it.
        log_decay: log a, (B, T, H), from -inf to 0.
        state: S_0, (B, H, K, V).
        reset: (B, T) bool, steps before which S is zero.

    Returns:
        y (B, T, H, V), and S_T.
    """
    with torch.autocast(state.device.type, enabled=False):
        kept, (q, k, v, beta, log_decay, state) = state.dtype, _precise(q, k, v, beta, log_decay, state)
        log_decay, state = _forgotten(log_decay, state, reset)
        steps, changes = q.shape[1], k.shape[1] // q.shape[1]
        if steps == 1:
            state = log_decay[:, 0, :, None, None].exp() * state
            for j in range(changes):
                key = k[:, j].unsqueeze(-1)
                state = state + key * (beta[:, j, :, None] * (v[:, j] - (key * state).sum(-2))).unsqueeze(-2)
            return _read(state, q), state.to(kept)
        if changes > 1:
            log_decay = F.pad(log_decay.unsqueeze(2), (0, 0, 0, changes - 1)).flatten(1, 2)
        q, k, v, beta, log_decay = _chunks(steps, q, k, v, beta, log_decay)
        within, since = _Decays.apply(log_decay), log_decay.cumsum(-1).exp()
        overlap = beta.unsqueeze(-1) * within * (k @ k.mT)
        identity = torch.eye(overlap.shape[-1], dtype=overlap.dtype, device=overlap.device)
        changed = torch.linalg.solve_triangular(overlap, identity, upper=False, unitriangular=True)
        changed = changed * beta.unsqueeze(-2)
        fresh, known = changed @ v, changed @ (since.unsqueeze(-1) * k)  # u = fresh - known S_0
        write = (within[..., -1, :].unsqueeze(-1) * k).mT
        transitions = since[..., -1:, None] * torch.eye(k.shape[-1], dtype=k.dtype, device=k.device) - write @ known
        states = _before(_matrix_scan, transitions, write @ fresh, state)
        last = slice(changes - 1, None, changes)
        u = fresh - known @ states[:-1]
        y = ((q @ k.mT) * within[..., last, :]) @ u + since[..., last].unsqueeze(-1) * (q @ states[:-1])
        return _steps(y, steps), states[-1].to(kept, copy=True)


def _precise(*tensors: Tensor) -> list[Tensor]:
    """In the widest of their types, at least float32."""
    dtype = torch.float32
    for tensor in tensors:
        dtype = torch.promote_types(dtype, tensor.dtype)
    return [tensor.to(dtype) for tensor in tensors]


def _forgotten(log_decay: Tensor, state: Tensor, reset: Tensor | None) -> tuple[Tensor, Tensor]:
    if reset is None:
        return log_decay, state
    state = torch.where(reset[:, 0, None, None, None], 0.0, state)  # NaN times zero would be NaN
    return log_decay.masked_fill(reset.unsqueeze(-1), -torch.inf), state


def _read(state: Tensor, q: Tensor) -> Tensor:
    return (state * q[:, 0].unsqueeze(-1)).sum(-2).unsqueeze(1)


def _chunks(steps: int, *tensors: Tensor) -> list[Tensor]:
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


def _steps(y: Tensor, steps: int) -> Tensor:
    """(chunks, B, H, C, V) as (B, T, H, V)."""
    return y.transpose(2, 3).movedim(0, 1).flatten(1, 2)[:, :steps]


def _before(scan: Any, decays: Tensor, gains: Tensor, state: Tensor) -> Tensor:
    """The states before each chunk, and after the last: (chunks + 1, B, H, K, V)."""
    ends = scan(decays.transpose(0, 1), gains.transpose(0, 1), state)
    return torch.cat([state.unsqueeze(1), ends], 1).transpose(0, 1)


class _Decays(torch.autograd.Function):
    """Of log a (..., C) all A_t/A_s, (..., C, C), zero above the diagonal."""

    generate_vmap_rule = True

    @staticmethod
    def forward(log_decay: Tensor) -> Tensor:
        length = log_decay.shape[-1]
        below = torch.ones(length, length, dtype=torch.bool, device=log_decay.device).tril(-1)
        sums = torch.where(below, log_decay.unsqueeze(-1), 0.0).cumsum(-2)
        return sums.exp().tril()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(output)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (decays,) = ctx.saved_tensors
        through = grad * decays
        of_sums = through.sum(-1) - through.sum(-2)
        return of_sums.flip(-1).cumsum(-1).flip(-1)


def _matrix_scan(a: Tensor, b: Tensor, s0: Tensor) -> Tensor:
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
