"""Mamba-2 against a plain loop, written from equation 2 and section 7 of Dao & Gu 2024 (arXiv 2405.21060)."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from seqmodels.cores.base import State
from seqmodels.cores.mamba2 import Mamba2

D, N, H = 6, 3, 2


def make(dtype: torch.dtype = torch.float64, **options: Any) -> Mamba2:
    torch.manual_seed(3)
    core = Mamba2(D, **{"state_size": N, "num_heads": H} | options).to(dtype)
    torch.nn.init.normal_(core.norm.weight)
    torch.nn.init.normal_(core.D)
    return core


def signal(b: int, t: int) -> Tensor:
    return torch.randn(b, t, D, dtype=torch.float64, generator=torch.Generator().manual_seed(5))


def carried(core: Mamba2, b: int) -> State:
    generator = torch.Generator().manual_seed(7)
    state = (torch.randn(s.shape, dtype=s.dtype, generator=generator) for s in core.initial_state(b))
    return tuple(tensor.requires_grad_() for tensor in state)


def loop(core: Mamba2, x: Tensor, state: State, dt: Tensor) -> tuple[Tensor, State]:
    """One step, one head and one number of a state after the other."""
    (S, tail), ys, width = state, [], core.sizes[0]
    for t in range(x.shape[1]):
        read = x[:, t] @ core.in_proj.weight.T
        z, xbc, step = read[:, :width], read[:, width:-H], read[:, -H:]
        tail = torch.cat([tail, xbc.unsqueeze(1)], 1)
        xbc = F.silu(core.conv_bias + sum(tail[:, j] * tap for j, tap in enumerate(core.conv_weight)))
        tail = tail[:, 1:]
        u, b, c = xbc[:, :width].view(len(x), H, -1), xbc[:, width : width + N], xbc[:, width + N :]
        step = torch.log1p(torch.exp(step + core.dt_bias)) * dt[:, t, None]
        decay = torch.exp(-torch.exp(core.A_log) * step)
        rows = [decay[..., None] * S[:, :, n] + (step * b[:, n, None])[..., None] * u for n in range(N)]
        S = torch.stack(rows, 2)
        y = sum(c[:, n, None, None] * S[:, :, n] for n in range(N)) + core.D[:, None] * u
        y = y.flatten(1) * F.silu(z)
        y = y / (y.square().mean(-1, keepdim=True) + 1e-5).sqrt() * core.norm.weight
        ys.append(y @ core.out_proj.weight.T)
    return torch.stack(ys, 1), (S, tail)


@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize(("steps", "options"), [(1, {}), (2, {"conv_size": 1, "expand": 1}), (37, {})])
def test_it_is_a_loop_over_time(steps: int, options: dict[str, int], timed: bool) -> None:
    core = make(**options)
    x, state = signal(2, steps).requires_grad_(), carried(core, 2)
    dt = 3 * torch.rand(2, steps, dtype=torch.float64) if timed else None
    results = core(x, state, dt=dt), loop(core, x, state, torch.ones_like(x[..., 0]) if dt is None else dt)
    results = [(y, *end) for y, end in results]
    sources = [x, *(tensor for tensor in state if tensor.numel()), *core.parameters()]
    gradients = [torch.autograd.grad(sum(r.pow(3).sum() for r in result), sources) for result in results]
    for mine, plain in (results, gradients):
        torch.testing.assert_close(mine, plain, atol=1e-10, rtol=1e-10)


def test_a_head_that_forgets_everything_in_one_step() -> None:
    core = make(torch.float32)
    torch.nn.init.constant_(core.dt_bias, 200.0)
    x = signal(2, 40).float().requires_grad_()
    y, state = core(x)
    for tensor in (y, *state, *torch.autograd.grad(y.sum(), [x, *core.parameters()])):
        assert tensor.isfinite().all()


def test_the_start_is_that_of_the_authors() -> None:
    torch.manual_seed(0)
    core = Mamba2(500, num_heads=1000, dt_min=0.002, dt_max=0.2)
    A, dt = core.A_log.exp(), F.softplus(core.dt_bias.double())
    assert 1 <= A.min() < 1.1
    assert 15.9 < A.max() <= 16
    assert 0.002 * 0.999 < dt.min() < 0.0022
    assert 0.18 < dt.max() < 0.2 * 1.001


@pytest.mark.parametrize(("state_size", "expand", "heads", "conv_size"), [(32, 2, 4, 4), (3, 1, 2, 1)])
def test_the_number_of_parameters(state_size: int, expand: int, heads: int, conv_size: int) -> None:
    core = Mamba2(8, state_size, expand, heads, conv_size)
    e, read = 8 * expand, 8 * expand + 2 * state_size
    expected = 8 * (3 * e + 2 * state_size + heads) + (conv_size + 1) * read + 3 * heads + e
    assert sum(p.numel() for p in core.parameters()) == expected


def test_in_bfloat16_the_state_stays_float32() -> None:
    core, x = make(torch.float32), signal(2, 9).float()
    exact, _ = core(x)
    with torch.autocast("cpu", torch.bfloat16):
        y, state = core(x)
    y.float().square().sum().backward()
    assert {tensor.dtype for tensor in state} == {torch.float32}
    torch.testing.assert_close(y.float(), exact, atol=0.05, rtol=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *(({name: 0}, f"{name}=0 is too small") for name in ("state_size", "expand", "num_heads", "conv_size")),
        ({"num_heads": 5}, "num_heads=5 does not divide a width of 12"),
        ({"dt_min": 0.2}, "dt_min=0.2 and dt_max=0.1 are no range"),
    ],
)
def test_what_is_no_block_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        make(**options)
