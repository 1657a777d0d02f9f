"""A matrix memory whose input gate is an exponential: Beck et al. 2024, arXiv 2405.04517 (section 2.3).

    C_t = σ(f_t) C_{t-1} + exp(i_t) k_t v_t',  n_t = σ(f_t) n_{t-1} + exp(i_t) k_t,  h_t = C_t' q_t / max(|n_t' q_t|, 1)

exp(i) overflows, so C and n are carried divided by exp(m_t), m_t = max(log σ(f_t) + m_{t-1}, i_t, 0), and the 1 becomes
exp(-m_t). The paper's m has no 0 in it; but h does not depend on m, and what is small beside the 1 needs no scale of
its own. So m is 0 where nothing was read, never infinite, and the same after a reset as at a start.

For the same reason m is held constant for the gradient, which is exact.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from seqmodels.cores.matrix_chunks import around_chunks, in_chunks, in_steps, sums_between
from seqmodels.cores.matrix_scan import forget, precise
from seqmodels.cores.scan import linear_scan


@torch.compiler.disable  # it would compile every length anew
def exponential_scan(
    q: Tensor, k: Tensor, v: Tensor, i: Tensor, f: Tensor, state: Tensor, m: Tensor, reset: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """All h, with exact gradients and O(T) memory, in float32 or better; the state keeps its type.

    Args:
        q, k: (B, T, H, K).
        v: (B, T, H, V).
        i, f: (B, T, H), before the exponential and the σ.
        state: C and as its last column n, divided by exp(m), before the first step: (B, H, K, V + 1).
        m: (B, H), of that state.
        reset: (B, T) bool, steps before which all of it is zero.

    Returns:
        h (B, T, H, V), and state and m after the last step.
    """
    with torch.autocast(state.device.type, enabled=False):
        kept, kept_m = state.dtype, m.dtype
        q, k, v, i, f, state, m = precise(q, k, v, i, f, state, m)
        v = F.pad(v, (0, 1), value=1.0)
        log_f, state = forget(F.logsigmoid(f), state, reset)
        m = m if reset is None else torch.where(reset[:, :1], 0.0, m)
        if v.shape[1] == 1:
            h, state, end = _step(q, k, v, i[:, 0], f[:, 0], state, m)
        else:
            h, state, end = _window(q, k, v, i, log_f, state, m)
        return h, state.to(kept), end.to(kept_m)


def _step(
    q: Tensor, k: Tensor, v: Tensor, i: Tensor, f: Tensor, state: Tensor, m: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    end = torch.maximum(m - F.softplus(-f), i).clamp(min=0).detach()
    scale = (m - end).exp()
    forgotten = (-F.softplus(f)).exp()  # 1 - σ(f): σ(-f) and log σ(f) have few digits in onnxruntime, softplus has all
    change = (m - end).expm1() - scale * forgotten  # σ(f) scale - 1, whose digits a number near 1 has lost
    keys = k[:, 0] * (i - end).exp().unsqueeze(-1)
    state = state + change[..., None, None] * state + keys.unsqueeze(-1) * v[:, 0].unsqueeze(-2)
    both = (state * q[:, 0].unsqueeze(-1)).sum(-2).unsqueeze(1)
    return _ratio(both, end.unsqueeze(1)), state, end


def _window(
    q: Tensor, k: Tensor, v: Tensor, i: Tensor, log_f: Tensor, state: Tensor, m: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    steps = v.shape[1]
    q, k, v, i, log_f = in_chunks(steps, q, k, v, i, log_f)
    logs, since = sums_between(log_f) + i.unsqueeze(-2), log_f.cumsum(-1)
    with torch.no_grad():
        own, starts = logs.amax(-1).clamp(min=0), [m]  # of a chunk that begins with nothing
        for through, last in zip(since[..., -1], own[..., -1], strict=True):
            starts.append(torch.maximum(through + starts[-1], last))
        level = torch.maximum(since + torch.stack(starts[:-1]).unsqueeze(-1), own)
    before = torch.stack([m, *starts[1:-1]]).unsqueeze(-1)
    weights, since = (logs - level.unsqueeze(-1)).exp(), (since + before - level).exp()
    gains = k.mT @ (weights[..., -1, :].unsqueeze(-1) * v)
    states = around_chunks(linear_scan, since[..., -1:, None], gains, state)
    both = ((q @ k.mT) * weights) @ v + since.unsqueeze(-1) * (q @ states[:-1])
    h = in_steps(_ratio(both, level), steps)
    return h, states[-1].clone(), starts[-1].clone()


def _ratio(both: Tensor, m: Tensor) -> Tensor:
    one = (-m).exp().clamp(min=torch.finfo(m.dtype).tiny)  # 0 / 0 where exp(m) overflows and n' q is 0
    return both[..., :-1] / torch.maximum(both[..., -1].abs(), one).unsqueeze(-1)
