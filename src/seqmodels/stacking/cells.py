"""RNN, LSTM and GRU of N models at once, each with its own weights: one layer, written out step by step.

torch's kernels read one model; here a step is a batched product over the models. The gradient is written out too: what
does not depend on the gradient that comes back through time is computed for all steps together, so that the way back
takes three to six operations a step, and the weights' gradients are one product over all steps.

Letters as in `cores/base.py`, and N models, H units, G = 1, 4, 3 gates. Inside, time comes first: (T, N, B, ...).
The equations are those of `cores/recurrent.py`; numbers differ from torch's kernels by rounding alone.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

LSTM_ORDER = (2, 0, 1, 3)
"""torch holds i, f, g, o. As g, i, f, o the three sigmoids lie side by side, and so do the three that c' is made of."""


class RNNLayer(torch.autograd.Function):
    """h' = f(W x + U h + b)."""

    @staticmethod
    def forward(ctx: Any, p: Tensor, h0: Tensor, u: Tensor, relu: bool) -> Tensor:
        """
        Args:
            ctx: for the way back.
            p: (T, N, B, H), W x + b of both biases.
            h0: (N, B, H).
            u: (N, H, H).
            relu: f is relu, else tanh.

        Returns:
            h of all steps, (T, N, B, H).
        """
        out = torch.empty_like(p)
        h, transposed = h0, u.mT.contiguous()
        for before, after in zip(p.unbind(), out.unbind(), strict=True):
            torch.baddbmm(before, h, transposed, out=after)
            h = after.relu_() if relu else after.tanh_()
        ctx.save_for_backward(out, h0, u)
        ctx.relu = relu
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        out, h0, u = ctx.saved_tensors
        slope = (out > 0).to(out.dtype) if ctx.relu else 1 - out * out
        dp, dh = torch.empty_like(out), torch.zeros_like(h0)
        for g, s, d in zip(*(_backwards(one) for one in (grad, slope, dp)), strict=True):
            torch.mul(dh.add_(g), s, out=d)
            dh = torch.bmm(d, u)
        return dp, dh, _of_weights(dp, _before(h0, out)), None


class LSTMLayer(torch.autograd.Function):
    """i, f, o = σ(...);  g = tanh(...);  c' = f c + i g;  h' = o tanh(c'); gates in the order g, i, f, o."""

    @staticmethod
    def forward(ctx: Any, p: Tensor, h0: Tensor, c0: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        """
        Args:
            ctx: for the way back.
            p: (T, N, B, 4 H), W x + b of both biases.
            h0, c0: (N, B, H).
            u: (N, 4 H, H).

        Returns:
            h of all steps, (T, N, B, H), and c after the last one.
        """
        size = h0.shape[-1]
        gates, out = torch.empty_like(p), p.new_empty(*p.shape[:3], size)
        cells, tanhs = torch.empty_like(out), torch.empty_like(out)
        h, c, transposed = h0, c0, u.mT.contiguous()
        g, i, f, o = (gate.unbind() for gate in gates.split(size, -1))
        sigmoids = gates[..., size:].unbind()
        for t, (before, all_gates) in enumerate(zip(p.unbind(), gates.unbind(), strict=True)):
            torch.baddbmm(before, h, transposed, out=all_gates)
            sigmoids[t].sigmoid_()
            g[t].tanh_()
            c = torch.mul(f[t], c, out=cells[t]).addcmul_(i[t], g[t])
            h = torch.mul(o[t], torch.tanh(c, out=tanhs[t]), out=out[t])
        ctx.save_for_backward(gates, cells, tanhs, out, h0, c0, u)
        return out, cells[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, grad_c: Tensor) -> tuple[Tensor, ...]:
        gates, cells, tanhs, out, h0, c0, u = ctx.saved_tensors
        size = h0.shape[-1]
        g, i, f, o = gates.split(size, -1)
        into_c = torch.stack([i * (1 - g * g), g * i * (1 - i), _before(c0, cells) * f * (1 - f)], -2)
        into_o, c_of_h = tanhs * o * (1 - o), o * (1 - tanhs * tanhs)
        dp = torch.empty_like(gates)
        dp_c, dp_o = dp[..., : 3 * size].unflatten(-1, (3, size)), dp[..., 3 * size :]
        dh, dc = torch.zeros_like(h0), grad_c.clone()
        steps = (grad, into_c, into_o, c_of_h, f, dp, dp_c, dp_o)
        for gy, q, qo, ch, forget, d, d_c, d_o in zip(*(_backwards(one) for one in steps), strict=True):
            dh.add_(gy)
            dc.addcmul_(dh, ch)
            torch.mul(q, dc.unsqueeze(-2), out=d_c)
            torch.mul(qo, dh, out=d_o)
            dc.mul_(forget)
            dh = torch.bmm(d, u)
        return dp, dh, dc, _of_weights(dp, _before(h0, out))


class GRULayer(torch.autograd.Function):
    """r, z = σ(W x + U h + b);  n = tanh(W x + b + r (U h + b'));  h' = (1 - z) n + z h."""

    @staticmethod
    def forward(ctx: Any, p: Tensor, h0: Tensor, u: Tensor, bias: Tensor) -> Tensor:
        """
        Args:
            ctx: for the way back.
            p: (T, N, B, 3 H), W x + b.
            h0: (N, B, H).
            u: (N, 3 H, H).
            bias: b', (N, 3 H).

        Returns:
            h of all steps, (T, N, B, H).
        """
        size = h0.shape[-1]
        hidden, out = torch.empty_like(p), p.new_empty(*p.shape[:3], size)
        gates, candidates = p.new_empty(*p.shape[:3], 2 * size), torch.empty_like(out)
        transposed, added = u.mT.contiguous(), bias.unsqueeze(1).expand(-1, p.shape[2], -1).contiguous()
        p_gates, p_candidates = (part.unbind() for part in p.split((2 * size, size), -1))
        h_gates, h_candidates = (part.unbind() for part in hidden.split((2 * size, size), -1))
        r, z = (gate.unbind() for gate in gates.split(size, -1))
        h = h0
        for t, (all_hidden, both, n) in enumerate(
            zip(hidden.unbind(), gates.unbind(), candidates.unbind(), strict=True)
        ):
            torch.baddbmm(added, h, transposed, out=all_hidden)
            torch.add(p_gates[t], h_gates[t], out=both).sigmoid_()
            torch.addcmul(p_candidates[t], r[t], h_candidates[t], out=n).tanh_()
            h = torch.sub(h, n, out=out[t]).mul_(z[t]).add_(n)
        ctx.save_for_backward(hidden, gates, candidates, out, h0, u)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        hidden, gates, n, out, h0, u = ctx.saved_tensors
        size = h0.shape[-1]
        (r, z), before = gates.split(size, -1), _before(h0, out)
        into_n = (1 - z) * (1 - n * n)
        through = torch.stack(
            [into_n * hidden[..., 2 * size :] * r * (1 - r), (before - n) * z * (1 - z), into_n * r], -2
        )
        d_hidden, all_dh = torch.empty_like(hidden), torch.empty_like(out)
        d_gates = d_hidden.unflatten(-1, (3, size))
        later = torch.zeros_like(h0)
        steps = (grad, through, z, d_hidden, d_gates, all_dh)
        for gy, q, keep, d, d3, dh in zip(*(_backwards(one) for one in steps), strict=True):
            torch.add(later, gy, out=dh)
            torch.mul(q, dh.unsqueeze(-2), out=d3)
            later = torch.baddbmm(dh * keep, d, u)
        dp = torch.cat([d_hidden[..., : 2 * size], all_dh * into_n], -1)
        return dp, later, _of_weights(d_hidden, before), d_hidden.sum((0, 2))


def project(x: Tensor, w: Tensor, bias: Tensor) -> Tensor:
    """W x + b of all steps, (T, N, B, G H), of x (N, B, T, D), w (N, G H, D) and bias (N, G H)."""
    flat = torch.baddbmm(bias.unsqueeze(1), x.flatten(1, 2), w.mT)
    return flat.unflatten(1, x.shape[1:3]).permute(2, 0, 1, 3).contiguous()


def reordered(weights: Tensor) -> Tensor:
    """An LSTM's weights or biases (N, 4 H, ...), its gates as `LSTMLayer` wants them."""
    gates = weights.chunk(4, 1)
    return torch.cat([gates[gate] for gate in LSTM_ORDER], 1)


def _backwards(steps: Tensor) -> tuple[Tensor, ...]:
    return steps.unbind()[::-1]


def _before(first: Tensor, steps: Tensor) -> Tensor:
    """What each step began with."""
    return torch.cat([first.unsqueeze(0), steps[:-1]])


def _of_weights(d: Tensor, h: Tensor) -> Tensor:
    """(N, G H, H), the gradient of U from that of U h, (T, N, B, G H), and h (T, N, B, H)."""
    d, h = (one.transpose(0, 1).flatten(1, 2) for one in (d, h))
    return torch.bmm(d.mT, h)
