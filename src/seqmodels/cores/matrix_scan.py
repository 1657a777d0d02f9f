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

import torch
from torch import Tensor
from torch.nn import functional as F

from seqmodels.cores.matrix_chunks import around_chunks, in_chunks, in_steps, matrix_scan, sums_between
from seqmodels.cores.scan import linear_scan


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
        kept, (q, k, v, log_decay, state) = state.dtype, precise(q, k, v, log_decay, state)
        log_decay, state = forget(log_decay, state, reset)
        if v.shape[1] == 1:
            state = _decayed(state, log_decay) + k[:, 0].unsqueeze(-1) * v[:, 0].unsqueeze(-2)
            return _read(state, q), state.to(kept)
        steps = v.shape[1]
        q, k, v, log_decay = in_chunks(steps, q, k, v, log_decay)
        within, since = sums_between(log_decay).exp(), log_decay.cumsum(-1).exp()
        gains = k.mT @ (within[..., -1, :].unsqueeze(-1) * v)
        states = around_chunks(linear_scan, since[..., -1:, None], gains, state)
        y = ((q @ k.mT) * within) @ v + since.unsqueeze(-1) * (q @ states[:-1])
        return in_steps(y, steps), states[-1].to(kept, copy=True)


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
        kept, (q, k, v, beta, log_decay, state) = state.dtype, precise(q, k, v, beta, log_decay, state)
        log_decay, state = forget(log_decay, state, reset)
        steps, changes = q.shape[1], k.shape[1] // q.shape[1]
        if steps == 1:
            state = _decayed(state, log_decay)
            for j in range(changes):
                key = k[:, j].unsqueeze(-1)
                state = state + key * (beta[:, j, :, None] * (v[:, j] - (key * state).sum(-2))).unsqueeze(-2)
            return _read(state, q), state.to(kept)
        if changes > 1:
            log_decay = F.pad(log_decay.unsqueeze(2), (0, 0, 0, changes - 1)).flatten(1, 2)
        q, k, v, beta, log_decay = in_chunks(steps, q, k, v, beta, log_decay)
        within, since = sums_between(log_decay).exp(), log_decay.cumsum(-1).exp()
        overlap = beta.unsqueeze(-1) * within * (k @ k.mT)
        identity = torch.eye(overlap.shape[-1], dtype=overlap.dtype, device=overlap.device)
        changed = torch.linalg.solve_triangular(overlap, identity, upper=False, unitriangular=True)
        changed = changed * beta.unsqueeze(-2)
        fresh, known = changed @ v, changed @ (since.unsqueeze(-1) * k)  # u = fresh - known S_0
        write = (within[..., -1, :].unsqueeze(-1) * k).mT
        transitions = since[..., -1:, None] * torch.eye(k.shape[-1], dtype=k.dtype, device=k.device) - write @ known
        states = around_chunks(matrix_scan, transitions, write @ fresh, state)
        last = slice(changes - 1, None, changes)
        u = fresh - known @ states[:-1]
        y = ((q @ k.mT) * within[..., last, :]) @ u + since[..., last].unsqueeze(-1) * (q @ states[:-1])
        return in_steps(y, steps), states[-1].to(kept, copy=True)


def precise(*tensors: Tensor) -> list[Tensor]:
    """In the widest of their types, at least float32."""
    dtype = torch.float32
    for tensor in tensors:
        dtype = torch.promote_types(dtype, tensor.dtype)
    return [tensor.to(dtype) for tensor in tensors]


def forget(log_decay: Tensor, state: Tensor, reset: Tensor | None) -> tuple[Tensor, Tensor]:
    if reset is None:
        return log_decay, state
    state = torch.where(reset[:, 0, None, None, None], 0.0, state)  # NaN times zero would be NaN
    return log_decay.masked_fill(reset.unsqueeze(-1), -torch.inf), state


def _decayed(state: Tensor, log_decay: Tensor) -> Tensor:
    """By one step: S + (a - 1) S, since an a near 1 has lost the digits that say how slowly is forgotten.

    a - 1 is written with tanh, of which ONNX knows more digits than of expm1.
    """
    log_decay = log_decay[:, 0, :, None, None]
    return state + (log_decay / 2).tanh() * (log_decay.exp() + 1) * state


def _read(state: Tensor, q: Tensor) -> Tensor:
    return (state * q[:, 0].unsqueeze(-1)).sum(-2).unsqueeze(1)
