"""The time in Mamba (Gu & Dao 2023, arXiv 2312.00752, algorithm 2): its scan over whole windows.

All states of a window would be N times as large as what is read. They exist a chunk of steps at a time, of which only
the first is kept; the gradient computes the others once more (section 3.3.2 does so in the GPU's fast memory). Whatever
else has the size of the channels is computed with its chunk too, while the CPU's cache holds it.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

CHUNK = {"cpu": 2**19}
"""Numbers of h that exist at once, by device: on a CPU, what its caches hold (2**17 to 2**19 were the fastest)."""
CHUNK_ELSEWHERE = 2**25
LOG2_E = 1.4426950408889634


@torch.compiler.disable  # it would unroll every step
def selective_scan(
    dt: Tensor,
    x: Tensor,
    z: Tensor,
    A: Tensor,
    b: Tensor,
    c: Tensor,
    D: Tensor,
    h: Tensor,
    reset: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Δ_t = softplus(dt_t), h_t = exp(Δ_t A) h_{t-1} + Δ_t b_t x_t, y_t = (c_t h_t + D x_t) silu(z_t); exact gradients.

    Args:
        dt, x, z: (B, T, E).
        A: (E, N).
        b, c: (B, T, N).
        D: (E,).
        h: (B, E, N), before the first step.
        reset: (B, T) bool, True where a sequence begins, and h_{t-1} counts as zero.

    Returns:
        y (B, T, E), and h after the last step.
    """
    keep = None if reset is None else (~reset).to(h.dtype)
    y, h = _SelectiveScan.apply(dt, x, z, A.t().contiguous(), b, c, D, h.transpose(1, 2).contiguous(), keep)
    return y, h.transpose(1, 2).contiguous()


class _SelectiveScan(torch.autograd.Function):
    """As `selective_scan`, but A is (N, E) and h (B, N, E): the long axis last.

    A chunk's k steps come first, so that each lies in one piece: dt, x, z are (k, B, E) there, b and c (k, B, N), and
    keep, what decays are multiplied by, (k, B).
    """

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, Tensor]:
        dt, x, z, A, b, c, D, h, keep = inputs
        y, delta, memory = torch.empty_like(x), F.softplus(dt), _Memory(x, A, tensors=2)
        starts = h.new_empty(len(memory.chunks), *h.shape)
        for start, k in zip(starts, memory.chunks, strict=True):
            h = start.copy_(h)
            dt_k, x_k, z_k, b_k, c_k = _steps(k, delta, x, z, b, c)
            _, states = _states(memory, dt_k, dt_k * x_k, A, b_k, h, keep if keep is None else keep[:, k].t())
            h = states[-1]
            y[:, k] = (_over_states(states, c_k).addcmul_(x_k, D) * F.silu(z_k)).transpose(0, 1)
        ctx.save_for_backward(dt, delta, x, z, A, b, c, D, starts, keep)
        return y, h.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_y: Tensor, grad_h: Tensor) -> tuple[Tensor | None, ...]:
        dt, delta, x, z, A, b, c, D, starts, keep = ctx.saved_tensors
        grad_dt, grad_x, grad_z, grad_b, grad_c = (torch.empty_like(tensor) for tensor in (dt, x, z, b, c))
        grad_A, grad_D, memory = torch.zeros_like(A), torch.zeros_like(D), _Memory(x, A, tensors=3)
        decay, _, grad = memory.steps
        for k, start in reversed([*zip(memory.chunks, starts, strict=True)]):
            raw, dt_k, x_k, z_k, b_k, c_k, grad_k = _steps(k, dt, delta, x, z, b, c, grad_y)
            u_k, open_k = dt_k * x_k, torch.sigmoid(z_k)
            gate = open_k * z_k
            decays, states = _states(memory, dt_k, u_k, A, b_k, start, keep if keep is None else keep[:, k].t())
            read = _over_states(states, c_k).addcmul_(x_k, D)
            slope = torch.addcmul(open_k, gate, 1 - open_k)  # of silu
            grad_z[:, k] = (grad_k * read * slope).transpose(0, 1)
            grad_k = grad_k * gate
            grad_D += (grad_k * x_k).sum((0, 1))

            grads = memory.tensors[2][: len(raw)]
            torch.mul(grad_k.unsqueeze(2), c_k.unsqueeze(3), out=grads)  # of each h, at first through its y alone
            grads[-1] += grad_h
            for t in reversed(range(1, len(grads))):
                grad[t - 1].addcmul_(decay[t], grad[t])
            grad_h = decay[0] * grad[0]
            grad_u = _over_states(grads, b_k)
            grad_x[:, k] = (grad_u * dt_k).addcmul_(grad_k, D).transpose(0, 1)

            exponents = decays.mul_(grads)  # the gradient of Δ A, but for h_{t-1}
            exponents[1:] *= states[:-1]
            exponents[0] *= start
            grad_c[:, k] = states.mul_(grad_k.unsqueeze(2)).sum(-1).transpose(0, 1)
            grad_b[:, k] = grads.mul_(u_k.unsqueeze(2)).sum(-1).transpose(0, 1)
            grad_A += torch.mul(exponents, dt_k.unsqueeze(2), out=states).sum((0, 1))
            grad_dt_k = exponents.mul_(A).sum(2).addcmul_(grad_u, x_k)
            grad_dt[:, k] = (grad_dt_k * torch.sigmoid(raw)).transpose(0, 1)
        return grad_dt, grad_x, grad_z, grad_A, grad_b, grad_c, grad_D, grad_h, None


class _Memory:
    """Where all chunks are computed, so that it stays in the CPU's cache: new tensors would take twice the time.

    A chunk has N / 2 steps or more, so that one h of each is at most twice as much as x.

    Attributes:
        chunks: the steps of each.
        tensors: of (k, B, N, E).
        steps: of each tensor its steps (B, N, E).
    """

    def __init__(self, x: Tensor, A: Tensor, tensors: int) -> None:
        (rows, steps, _), limit = x.shape, CHUNK.get(x.device.type, CHUNK_ELSEWHERE)
        length = min(steps, max(1, len(A) // 2, limit // (rows * A.numel())))
        self.chunks = [slice(start, min(start + length, steps)) for start in range(0, steps, length)]
        self.tensors = x.new_empty(tensors, length, rows, *A.shape).unbind()
        self.steps = [tensor.unbind() for tensor in self.tensors]


def _steps(k: slice, *tensors: Tensor) -> list[Tensor]:
    """Of (B, T, ...) the steps of a chunk, (k, B, ...)."""
    return [tensor[:, k].transpose(0, 1) for tensor in tensors]


def _states(
    memory: _Memory, dt: Tensor, u: Tensor, A: Tensor, b: Tensor, h: Tensor, keep: Tensor | None
) -> tuple[Tensor, Tensor]:
    """The decays and all h of one chunk, each (k, B, N, E)."""
    decays, states = (tensor[: len(dt)] for tensor in memory.tensors[:2])
    torch.mul(dt.unsqueeze(2), A * LOG2_E, out=decays).exp2_()  # in a quarter of the time that exp takes a CPU
    if keep is not None:
        decays *= keep[..., None, None]
    torch.mul(u.unsqueeze(2), b.unsqueeze(3), out=states)
    decay, state = memory.steps[:2]
    for t in range(len(dt)):
        h = state[t].addcmul_(decay[t], h)
    return decays, states


def _over_states(of: Tensor, weights: Tensor) -> Tensor:
    """The sum over N of (k, B, N, E) weighted with (k, B, N): (k, B, E)."""
    sums = torch.bmm(weights.reshape(-1, 1, weights.shape[2]), of.flatten(0, 1))
    return sums.view(*of.shape[:2], -1)
