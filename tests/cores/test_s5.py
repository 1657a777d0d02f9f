"""S5 against a plain loop over time in complex numbers, and its beginning from HiPPO."""

import pytest
import torch
from torch import Tensor

from seqmodels.cores.s5 import S5, hippo_modes

H, N = 3, 8


def plain_loop(core: S5, x: Tensor, h: Tensor, dt: Tensor) -> tuple[Tensor, Tensor]:
    """Zero-order hold, with steps of dt Δ; x (B, T, H), h (B, N / 2) complex, dt (B, T)."""
    a = -torch.exp(core.log_A_real) + 1j * core.A_imag
    b, c = torch.view_as_complex(core.B.transpose(1, 2).contiguous()), torch.view_as_complex(core.C)
    outputs = []
    for step, time in zip(x.unbind(1), dt.unbind(1), strict=True):
        decay = torch.exp(a * torch.exp(core.log_dt) * time.unsqueeze(1))
        h = decay * h + (decay - 1) / a * (step.to(b.dtype) @ b.T)
        outputs.append(2 * (h @ c.T).real + core.D * step)
    return torch.stack(outputs, 1), h


def core_and_input(steps: int) -> tuple[S5, Tensor, Tensor]:
    torch.manual_seed(steps)
    core = S5(H, state_size=N, blocks=2, dt_max=1.0).double()
    x = torch.randn(2, steps, H, dtype=torch.float64, requires_grad=True)
    return core, x, torch.randn(2, N // 2, 2, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("irregular", [False, True])
@pytest.mark.parametrize("steps", [1, 2, 50])
def test_it_is_its_equations(steps: int, irregular: bool) -> None:
    core, x, h0 = core_and_input(steps)
    dt = torch.rand(2, steps, dtype=torch.float64) * 3 if irregular else torch.ones(2, steps)
    y, (end,) = core.forward(x, (h0,), None, dt if irregular else None)
    plain, plain_end = plain_loop(core, x, torch.view_as_complex(h0), dt)
    pairs = [(y, plain), (end, torch.view_as_real(plain_end))]
    inputs = [x, h0, *core.parameters()]
    found, expected = (torch.autograd.grad(sum(one[k].sin().sum() for one in pairs), inputs) for k in (0, 1))
    for mine, true in [*pairs, *zip(found, expected, strict=True)]:
        torch.testing.assert_close(mine, true, atol=1e-9, rtol=1e-9)


def test_a_long_step_is_two_short_ones_with_the_same_input() -> None:
    core, x, h0 = core_and_input(6)
    twice, (end,) = core(x.repeat_interleave(2, 1), (h0,))
    once, (long_end,) = core.forward(x, (h0,), None, torch.full((2, 6), 2.0, dtype=torch.float64))
    torch.testing.assert_close(once, twice[:, 1::2], atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(long_end, end, atol=1e-12, rtol=1e-12)


def test_no_time_changes_nothing() -> None:
    core, x, h0 = core_and_input(6)
    _, (end,) = core.forward(x, (h0,), None, torch.zeros(2, 6, dtype=torch.float64))
    assert torch.equal(end, h0)


def test_a_reset_inside_a_window() -> None:
    core, x, h0 = core_and_input(9)
    reset = torch.zeros(2, 9, dtype=torch.bool)
    reset[0, 4] = True
    y, _ = core.forward(x, (h0,), reset)
    torch.testing.assert_close(y[:1, 4:], core(x[:1, 4:])[0], atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(y[1], core(x, (h0,))[0][1], atol=1e-12, rtol=1e-12)


def test_the_modes_are_hippos() -> None:
    """Of LegS as Gu et al. 2020 have it, without its part of rank one."""
    n = torch.arange(N, dtype=torch.float64)
    legs = -torch.where(n[:, None] > n, ((2 * n[:, None] + 1) * (2 * n + 1)).sqrt(), torch.diag(n + 1))
    normal = legs + (n + 0.5).sqrt().outer((n + 0.5).sqrt())
    imag, vectors = hippo_modes(N)
    values = torch.complex(torch.full_like(imag, -0.5), imag)
    assert (imag > 0).all()
    torch.testing.assert_close(normal.to(vectors) @ vectors, vectors * values, atol=1e-5, rtol=1e-5)
    halves = (vectors * values) @ vectors.mH
    torch.testing.assert_close(2 * halves.real, normal.float(), atol=1e-5, rtol=1e-5)


def test_blocks_repeat_the_modes() -> None:
    torch.testing.assert_close(S5(H, state_size=16, blocks=4).A_imag.detach(), hippo_modes(4)[0].repeat(4))


def test_parameters() -> None:
    assert sum(p.numel() for p in S5(H, state_size=N).parameters()) == 2 * N * H + 3 * N // 2 + H


def test_modes_never_grow_whatever_is_learned() -> None:
    core = S5(H, state_size=4)
    with torch.no_grad():
        core.log_A_real.copy_(torch.tensor([-40.0, 40.0]))
        core.A_imag.fill_(1e4)
    y, _ = core(torch.ones(1, 5000, H))
    assert y.isfinite().all()


def test_under_autocast_the_recurrence_stays_in_float32() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        for steps in (1, 9):
            y, (h,) = S5(H, state_size=N)(torch.randn(2, steps, H))
            assert (h.dtype, y.isfinite().all()) == (torch.float32, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"state_size": 0}, "^state_size=0 is not made of conjugate pairs"),
        ({"state_size": 10, "blocks": 4}, "^state_size=10 .* give a multiple of 8"),
        ({"blocks": 0}, "^blocks=0 is too small"),
        ({"dt_min": 0.5}, "^dt_min=0.5 and dt_max=0.1 are no range"),
    ],
)
def test_bad_arguments(words: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        S5(H, **words)
