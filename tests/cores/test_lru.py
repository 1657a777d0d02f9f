"""LRU against a plain loop over time, written from the paper, and its initialisation."""

import math
from functools import partial

import pytest
import torch
from torch import Tensor

from seqmodels.cores.lru import LRU
from seqmodels.cores.stack import Stack

H, N = 3, 4


def plain_loop(core: LRU, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """Equations 5 to 7 and section 3.4, in complex numbers; x (B, T, H), h (B, N) complex."""
    decay = torch.exp(-torch.exp(core.nu) + 1j * torch.exp(core.theta))
    b, c = torch.view_as_complex(core.B.transpose(1, 2).contiguous()), torch.view_as_complex(core.C)
    outputs = []
    for step in x.unbind(1):
        h = decay * h + torch.exp(core.gamma) * (b @ step.to(b.dtype).T).T
        outputs.append((h @ c.T).real + core.D * step)
    return torch.stack(outputs, 1), h


def core_and_input(steps: int) -> tuple[LRU, Tensor, Tensor]:
    torch.manual_seed(steps)
    core = LRU(H, state_size=N).double()
    x = torch.randn(2, steps, H, dtype=torch.float64, requires_grad=True)
    return core, x, torch.randn(2, N, 2, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("steps", [1, 2, 127, 128, 129, 300])
def test_lru_is_its_equations(steps: int) -> None:
    core, x, h0 = core_and_input(steps)
    y, (end,) = core(x, (h0,))
    plain, plain_end = plain_loop(core, x, torch.view_as_complex(h0))
    torch.testing.assert_close(y, plain, atol=1e-10, rtol=1e-10)
    torch.testing.assert_close(torch.view_as_complex(end.contiguous()), plain_end, atol=1e-10, rtol=1e-10)
    inputs = [x, h0, *core.parameters()]
    losses = y.sin().sum() + end.square().sum(), plain.sin().sum() + torch.view_as_real(plain_end).square().sum()
    for mine, true in zip(*(torch.autograd.grad(loss, inputs) for loss in losses), strict=True):
        torch.testing.assert_close(mine, true, atol=1e-9, rtol=1e-9)


def test_eigenvalues_start_uniform_on_the_ring() -> None:
    torch.manual_seed(0)
    core = LRU(1, state_size=20_000, min_radius=0.5, max_radius=0.9, max_phase=1.0).double()
    radius, angle = core.nu.exp().neg().exp(), core.theta.exp()
    assert 0.5 <= radius.min() < 0.501
    assert 0.899 < radius.max() <= 0.9
    assert angle.max() <= 1.0
    assert angle.mean().item() == pytest.approx(0.5, abs=0.01)
    # Uniform on the area: the square of the radius is uniform.
    assert radius.square().mean().item() == pytest.approx((0.25 + 0.81) / 2, abs=0.005)
    torch.testing.assert_close(core.gamma.exp(), (1 - radius.square()).sqrt(), atol=1e-6, rtol=1e-6)


def test_the_state_has_the_size_of_the_input_however_long_it_remembers() -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 6000, 16)
    for radius in (0.9, 0.99, 0.999):
        core = LRU(16, state_size=200, min_radius=radius - 1e-4, max_radius=radius)
        _, (h,) = core(x)
        assert h.square().sum(-1).mean().item() == pytest.approx(1.0, rel=0.25)


def test_eigenvalues_stay_inside_the_unit_circle_whatever_is_learned() -> None:
    core = LRU(2, state_size=3)
    with torch.no_grad():
        core.nu.copy_(torch.tensor([-30.0, 0.0, 30.0]))
    y, _ = core(torch.ones(1, 5000, 2))
    assert y.isfinite().all()


def test_parameters() -> None:
    """ν, θ, γ (N each), B and C (N H complex numbers each), D."""
    assert sum(p.numel() for p in LRU(H, state_size=N).parameters()) == 3 * N + 4 * N * H + H
    stack = Stack(1, partial(LRU, state_size=64), hidden_size=104, num_layers=4)
    layer, gate, norm = 3 * 64 + 4 * 64 * 104 + 104, 2 * 104 * 105, 2 * 104
    assert sum(p.numel() for p in stack.parameters()) == 2 * 104 + 4 * (layer + gate + norm) + norm


def test_under_autocast_the_recurrence_stays_in_float32() -> None:
    core = LRU(H, state_size=N)
    with torch.autocast("cpu", torch.bfloat16):
        for steps in (1, 9):
            y, (h,) = core(torch.randn(2, steps, H))
            assert (h.dtype, y.isfinite().all()) == (torch.float32, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"state_size": 0}, "state_size=0 is too small"),
        ({"min_radius": 0.9, "max_radius": 0.5}, "min_radius=0.9 and max_radius=0.5 bound no ring"),
        ({"max_radius": 1.0}, "max_radius=1.0 bound no ring"),
        ({"max_phase": 3 * math.pi}, "max_phase=9.42.* is not an angle"),
    ],
)
def test_bad_arguments(words: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LRU(H, **words)
