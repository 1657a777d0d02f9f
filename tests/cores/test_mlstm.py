"""mLSTM against a plain loop, written from section 2.3 of Beck et al. 2024 (arXiv 2405.04517); gates that overflow."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from seqmodels.cores.base import State
from seqmodels.cores.exponential_scan import exponential_scan
from seqmodels.cores.mlstm import MLSTM

D, H, K = 6, 2, 6


def make(dtype: torch.dtype = torch.float64, **options: Any) -> MLSTM:
    torch.manual_seed(3)
    core = MLSTM(D, **{"num_heads": H, "block_size": 2} | options).to(dtype)
    for weight in (core.gates.weight, core.norm_weight, core.skip):
        torch.nn.init.normal_(weight, std=0.5)
    return core


def signal(b: int, t: int) -> Tensor:
    return torch.randn(b, t, D, dtype=torch.float64, generator=torch.Generator().manual_seed(5))


def carried(core: MLSTM, b: int) -> State:
    generator = torch.Generator().manual_seed(7)
    return tuple(
        torch.randn(s.shape, dtype=s.dtype, generator=generator).requires_grad_() for s in core.initial_state(b)
    )


def cell(q: Tensor, k: Tensor, v: Tensor, i: Tensor, f: Tensor, C: Tensor, n: Tensor) -> tuple[Tensor, ...]:
    """As the paper has it, before it is stabilised: one step of (B, H, ...); float64 holds exp(i) up to 700."""
    f, i = torch.sigmoid(f)[..., None], torch.exp(i)[..., None]
    C = f[..., None] * C + i[..., None] * torch.einsum("bhv,bhk->bhvk", v, k)
    n = f * n + i * k
    below = torch.einsum("bhk,bhk->bh", n, q).abs().clamp(min=1)[..., None]
    return torch.einsum("bhvk,bhk->bhv", C, q) / below, C, n


def loop(core: MLSTM, x: Tensor, state: State) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """y, and C, n and tail at the end, C and n as they are."""
    (memory, m, tail), ys = state, []
    scale = m.exp()[..., None]
    C, n = memory[..., :-1].transpose(2, 3) * scale[..., None], memory[..., -1] * scale
    W_q, W_k, W_v = (torch.block_diag(*weight) for weight in (*core.qk_weight, core.v_weight))
    for t in range(x.shape[1]):
        inner, z = (core.in_proj.weight @ x[:, t].T).T.chunk(2, -1)
        tail = torch.cat([tail, inner.unsqueeze(1)], 1)
        near = F.silu(core.conv_bias + sum(tail[:, j] * tap for j, tap in enumerate(core.conv_weight)))
        tail = tail[:, 1:]
        q, k, v = near @ W_q.T, near @ W_k.T, inner @ W_v.T
        i, f = (torch.cat([q, k, v], -1) @ core.gates.weight.T + core.gates.bias).chunk(2, -1)
        q, k, v = (tensor.view(len(x), H, -1) for tensor in (q, k, v))
        h, C, n = cell(q, k / math.sqrt(q.shape[-1]), v, i, f, C, n)
        h = (h - h.mean(-1, keepdim=True)) / (h.var(-1, keepdim=True, correction=0) + 1e-5).sqrt()
        ys.append(((h.flatten(1) * core.norm_weight + core.skip * near) * F.silu(z)) @ core.out_proj.weight.T)
    return torch.stack(ys, 1), C, n, tail


def unscaled(y: Tensor, state: State) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    memory, m, tail = state
    memory = memory * m.exp()[..., None, None]
    return y, memory[..., :-1].transpose(2, 3), memory[..., -1], tail


@pytest.mark.parametrize(("steps", "options"), [(1, {}), (2, {"conv_size": 1, "expand": 1}), (37, {})])
def test_it_is_a_loop_over_time(steps: int, options: dict[str, int]) -> None:
    core = make(**options)
    x, state = signal(2, steps).requires_grad_(), carried(core, 2)
    results = [unscaled(*core(x, state)), loop(core, x, state)]
    sources = [x, *(tensor for tensor in state if tensor.numel()), *core.parameters()]
    gradients = [torch.autograd.grad(sum(r.pow(3).sum() for r in result), sources) for result in results]
    torch.testing.assert_close(*results, atol=1e-9, rtol=1e-10)
    torch.testing.assert_close(*gradients, atol=1e-8, rtol=1e-9)


def gates(steps: int, size: float, dtype: torch.dtype) -> list[Tensor]:
    """q, k, v, i, f and an empty memory; i is up to `size`."""
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, steps, 1, K, dtype=torch.float64) for _ in range(3))
    i = size * (2 * torch.rand(1, steps, 1, dtype=torch.float64) - 1)
    f = torch.randn(1, steps, 1, dtype=torch.float64) + 2
    state = torch.zeros(1, 1, K, K + 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    return [tensor.to(dtype) for tensor in (q, k, v, i, f, *state)]


@pytest.mark.parametrize("size", [0.1, 30, 300])
def test_gates_that_overflow_float32(size: float) -> None:
    q, k, v, i, f, state, m = gates(50, size, torch.float64)
    C, n, true = state[..., :-1], state[..., -1], []
    for t in range(50):
        h, C, n = cell(q[:, t], k[:, t], v[:, t], i[:, t], f[:, t], C, n)
        true.append(h)
    q, k, v, i, f, state, m = (tensor.requires_grad_() for tensor in gates(50, size, torch.float32))
    h, state, m = exponential_scan(q, k, v, i, f, state, m)
    expected = torch.stack(true, 1)
    assert ((h - expected).norm() / expected.norm()).item() < 1e-4
    assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(h.sum(), [q, k, v, i, f]))
    steps, state, m = [], *gates(50, size, torch.float32)[5:]
    for t in range(50):
        now = slice(t, t + 1)
        step, state, m = exponential_scan(*(one[:, now] for one in (q, k, v, i, f)), state, m)
        steps.append(step)
    torch.testing.assert_close(torch.cat(steps, 1), h, atol=1e-4, rtol=1e-3)


def test_nothing_was_written_and_nothing_is_read() -> None:
    """Where exp(m) overflows and a query meets no key."""
    q, k, v, i, f, state, m = gates(5, 0, torch.float32)
    h, *_ = exponential_scan(torch.zeros_like(q), k, v, i + 200, f, state, m)
    assert (h == 0).all()


def test_100_000_steps_are_finite_and_do_not_drift() -> None:
    def ends(dtype: torch.dtype) -> Tensor:
        q, k, v, i, f, state, m = gates(100_000, 5, dtype)
        h, state, m = exponential_scan(q, k, v, i, f + 8, state, m)
        return torch.cat([h[0, -1].flatten(), state.flatten(), m.flatten()])

    torch.testing.assert_close(ends(torch.float32).double(), ends(torch.float64), atol=1e-4, rtol=1e-3)


def test_the_start_is_that_of_the_authors() -> None:
    core = MLSTM(64)
    assert core.gates.bias[4:].tolist() == [3, 4, 5, 6]
    assert not core.gates.weight.any()
    assert core.in_proj.weight.std().item() == pytest.approx(math.sqrt(2 / (5 * 64)), rel=0.05)


@pytest.mark.parametrize(("expand", "heads", "conv_size", "block_size"), [(2, 4, 4, 4), (1, 2, 3, 8)])
def test_the_number_of_parameters(expand: int, heads: int, conv_size: int, block_size: int) -> None:
    core = MLSTM(16, expand, heads, conv_size, block_size)
    e = 16 * expand
    expected = 3 * 16 * e + (conv_size + 1) * e + 3 * e * block_size + 2 * heads * (3 * e + 1) + 2 * e
    assert sum(p.numel() for p in core.parameters()) == expected


def test_in_bfloat16_the_state_stays_float32() -> None:
    core, x = make(torch.float32), signal(2, 9).float()
    exact, _ = core(x)
    with torch.autocast("cpu", torch.bfloat16):
        y, state = core(x)
    y.float().square().sum().backward()
    assert {tensor.dtype for tensor in state} == {torch.float32}
    torch.testing.assert_close(y.float(), exact, atol=0.1, rtol=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *(({name: 0}, f"{name}=0 is too small") for name in ("num_heads", "conv_size", "block_size")),
        ({"num_heads": 5}, "num_heads=5 does not divide a width of 12"),
        ({"block_size": 5}, "block_size=5 does not divide a width of 12"),
        ({"expand": 0}, "expand=0 leaves no unit"),
    ],
)
def test_what_is_no_block_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        make(**options)
