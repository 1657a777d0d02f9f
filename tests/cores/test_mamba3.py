"""Mamba-3 against a plain loop that carries the angles, as the authors' step does (Lahoti et al. 2026, 2603.15569)."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from seqmodels.cores.base import State
from seqmodels.cores.mamba3 import Mamba3

D, N, H = 6, 5, 2


def make(dtype: torch.dtype = torch.float64, **options: Any) -> Mamba3:
    torch.manual_seed(3)
    core = Mamba3(D, **{"state_size": N, "num_heads": H, "rotary_fraction": 0.9} | options).to(dtype)
    for weight in (core.k_norm.weight, core.q_norm.weight, core.k_bias, core.q_bias, core.D):
        torch.nn.init.normal_(weight)
    return core


def signal(b: int, t: int) -> Tensor:
    return torch.randn(b, t, D, dtype=torch.float64, generator=torch.Generator().manual_seed(5))


def carried(core: Mamba3, b: int) -> State:
    generator = torch.Generator().manual_seed(7)
    state = (torch.randn(s.shape, dtype=s.dtype, generator=generator) for s in core.initial_state(b))
    return tuple(tensor.requires_grad_() for tensor in state)


def rms(v: Tensor, weight: Tensor) -> Tensor:
    return v / (v.square().mean(-1, keepdim=True) + 1e-5).sqrt() * weight


def turned(v: Tensor, angle: Tensor) -> Tensor:
    """Pair i of a vector (B, N) by angle i of (B, R)."""
    v = v.clone()
    for i in range(angle.shape[1]):
        turn = torch.stack([angle[:, i].cos(), -angle[:, i].sin(), angle[:, i].sin(), angle[:, i].cos()], -1)
        pair = turn.view(-1, 2, 2) @ v[:, 2 * i : 2 * i + 2, None]
        v = torch.cat([v[:, : 2 * i], pair[..., 0], v[:, 2 * i + 2 :]], 1)
    return v


def loop(core: Mamba3, x: Tensor, state: State, dt: Tensor) -> Tensor:
    """One step and one head after the other; keys, queries and states stay in the frame of the window's start."""
    S, last_k, last_v = (list(tensor.unbind(1)) for tensor in state)
    theta: list[Any] = [0.0] * H
    ys = []
    for t in range(x.shape[1]):
        z, u, b, c, step, a, lam, w = (x[:, t] @ core.in_proj.weight.T).split(core.sizes, -1)
        b, c = rms(b, core.k_norm.weight), rms(c, core.q_norm.weight)
        heads = []
        for h in range(H):
            delta = torch.log1p(torch.exp(step[:, h] + core.dt_bias[h]))[:, None] * dt[:, t, None]
            alpha = torch.exp(-delta * torch.log1p(torch.exp(a[:, h, None])))
            share = torch.sigmoid(lam[:, h, None])
            theta[h] = theta[h] + delta * math.pi * torch.tanh(w)
            k, q = turned(b + core.k_bias[h], theta[h]), turned(c + core.q_bias[h], theta[h])
            v = u.view(len(x), H, -1)[:, h]
            before = ((1 - share) * delta * alpha)[..., None] * last_k[h][:, :, None] * last_v[h][:, None]
            S[h] = alpha[..., None] * S[h] + before + (share * delta)[..., None] * k[:, :, None] * v[:, None]
            heads.append((S[h] * q[:, :, None]).sum(1) + core.D[h] * v)
            last_k[h], last_v[h] = k, v
        ys.append((torch.cat(heads, 1) * F.silu(z)) @ core.out_proj.weight.T)
    return torch.stack(ys, 1)


@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize(("steps", "options"), [(1, {}), (2, {"rotary_fraction": 0, "expand": 1}), (37, {})])
def test_it_is_a_loop_over_time(steps: int, options: dict[str, Any], timed: bool) -> None:
    core = make(**options)
    x, state = signal(2, steps).requires_grad_(), carried(core, 2)
    dt = 9 * torch.rand(2, steps, dtype=torch.float64) if timed else None
    results = core(x, state, dt=dt)[0], loop(core, x, state, torch.ones_like(x[..., 0]) if dt is None else dt)
    gradients = [torch.autograd.grad(y.pow(3).sum(), [x, *state, *core.parameters()]) for y in results]
    for mine, plain in (results, gradients):
        torch.testing.assert_close(mine, plain, atol=1e-10, rtol=1e-10)


def test_a_state_that_turns_counts_modulo_3() -> None:
    """One key that a one turns by a third: where it points says how many there were. Decays alone cannot."""
    core = make(rotary_fraction=1, state_size=2, num_heads=1, expand=1)
    with torch.no_grad():
        core.in_proj.weight.zero_()
        core.dt_bias.fill_(math.log(math.e - 1))  # Δ = 1
        core.in_proj.weight[-1, 0] = math.atanh(2 / 3)
    ones = torch.randint(0, 2, (1, 200), generator=torch.Generator().manual_seed(0)).double()
    x = torch.zeros(1, 200, D, dtype=torch.float64)
    x[..., 0] = ones
    start = tuple(torch.zeros_like(tensor) for tensor in core.initial_state(1))
    start[0][0, 0, 0] = 1
    _, (memory, *_) = core(x, start)
    turn = -2 * math.pi / 3 * (ones.sum() % 3)
    found = torch.atan2(memory[0, 0, 1, 0], memory[0, 0, 0, 0])
    assert (found - turn).cos().item() == pytest.approx(1, abs=1e-6)


def test_angles_of_a_long_window_keep_their_digits() -> None:
    core, x = make(torch.float32, dt_min=3.0, dt_max=3.0), signal(1, 5000).float()
    whole, _ = core(x)
    state, parts = core(x[:, :4990])[1], []
    for t in range(4990, 5000):
        y, state = core(x[:, t : t + 1], state)
        parts.append(y)
    torch.testing.assert_close(torch.cat(parts, 1), whole[:, 4990:], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("state_size", "heads", "fraction"), [(32, 4, 0.5), (3, 2, 1), (8, 1, 0)])
def test_the_number_of_parameters(state_size: int, heads: int, fraction: float) -> None:
    core = Mamba3(8, state_size, 2, heads, fraction)
    angles = int(state_size * fraction) // 2
    expected = 8 * (3 * 16 + 2 * state_size + 3 * heads + angles) + 2 * state_size * (heads + 1) + 2 * heads
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
        *(({name: 0}, f"{name}=0 is too small") for name in ("state_size", "expand", "num_heads")),
        ({"num_heads": 5}, "num_heads=5 does not divide a width of 12"),
        ({"rotary_fraction": 1.5}, "rotary_fraction=1.5 is out of range"),
        ({"dt_min": 0.2}, "dt_min=0.2 and dt_max=0.1 are no range"),
    ],
)
def test_what_is_no_block_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        make(**options)
