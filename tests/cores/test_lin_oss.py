"""LinOSS against the equations of its papers, solved step by step, and what of an oscillation is left."""

import math
from functools import partial

import pytest
import torch
from torch import Tensor

from seqmodels.cores.lin_oss import LinOSS
from seqmodels.cores.stack import Stack
from seqmodels.modules.parameter_groups import timescale_parameters

H, N = 3, 4
both = pytest.mark.parametrize("damped", [False, True])


def solved(core: LinOSS, u: Tensor, z: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The implicit equations of a step as a linear system in (z_t, x_t), one for each oscillator."""
    step, a, outputs = torch.sigmoid(core.step_logit), core.log_A.exp(), []
    one = torch.ones_like(step)
    for read in u.unbind(1):
        force = read @ core.B.T
        if core.log_G is None:  # z_t = z + Δ (-A x_t + F),  x_t = x + Δ z_t
            first, known = torch.stack([one, step * a], -1), torch.stack([z + step * force, x], -1)
        else:  # z_t = z + Δ (-A x - G z_t + F),  x_t = x + Δ z_t
            first = torch.stack([1 + step * core.log_G.exp(), 0 * one], -1)
            known = torch.stack([z + step * (force - a * x), x], -1)
        system = torch.stack([first, torch.stack([-step, one], -1)], -2)
        z, x = torch.linalg.solve(system, known.unsqueeze(-1)).squeeze(-1).unbind(-1)
        outputs.append((x * core.modes()[3]) @ core.C.T + core.D * read)
    return torch.stack(outputs, 1), z, x


def seen_as_the_papers(core: LinOSS, h: Tensor) -> tuple[Tensor, Tensor]:
    """z and x; damped, Re h is z and what makes (z, x) turn and shrink alone."""
    _, _, real, imag = core.modes()
    x = h[..., 1] / imag
    if core.log_G is None:
        return h[..., 0], x
    r = (1 + torch.sigmoid(core.step_logit) * core.log_G.exp()) ** -0.5
    step = torch.sigmoid(core.step_logit)
    cos = r * (1 - step * real)
    return h[..., 0] - (cos - r) / (step * r) * x, x


def core_and_input(steps: int, damped: bool) -> tuple[LinOSS, Tensor, Tensor]:
    torch.manual_seed(steps)
    core = LinOSS(H, state_size=N, damped=damped, min_decay=0.5).double()
    u = torch.randn(2, steps, H, dtype=torch.float64, requires_grad=True)
    return core, u, torch.randn(2, N, 2, dtype=torch.float64, requires_grad=True)


@both
@pytest.mark.parametrize("steps", [1, 2, 40])
def test_it_is_the_papers_equations(steps: int, damped: bool) -> None:
    core, u, h0 = core_and_input(steps, damped)
    y, (end,) = core(u, (h0,))
    found = y, *seen_as_the_papers(core, end)
    plain = solved(core, u, *seen_as_the_papers(core, h0))
    inputs = [u, h0, *core.parameters()]
    losses = [sum(tensor.sin().sum() for tensor in every) for every in (found, plain)]
    gradients = (torch.autograd.grad(loss, inputs) for loss in losses)
    for mine, true in [*zip(found, plain, strict=True), *zip(*gradients, strict=True)]:
        torch.testing.assert_close(mine, true, atol=1e-9, rtol=1e-9)


@both
def test_a_long_step_is_short_ones_with_the_same_input(damped: bool) -> None:
    core, u, h0 = core_and_input(6, damped)
    twice, (end,) = core(u.repeat_interleave(2, 1), (h0,))
    once, (long_end,) = core(u, (h0,), None, torch.full((2, 6), 2.0, dtype=torch.float64))
    torch.testing.assert_close(once, twice[:, 1::2], atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(long_end, end, atol=1e-12, rtol=1e-12)
    halves, (end,) = core(u.repeat_interleave(2, 1), (h0,), None, torch.full((2, 12), 0.5, dtype=torch.float64))
    torch.testing.assert_close(halves[:, 1::2], core(u, (h0,))[0], atol=1e-12, rtol=1e-12)


@both
def test_no_time_changes_nothing(damped: bool) -> None:
    core, u, h0 = core_and_input(6, damped)
    _, (end,) = core(u, (h0,), None, torch.zeros(2, 6, dtype=torch.float64))
    assert torch.equal(end, h0)


def test_a_damped_oscillation_begins_with_the_decay_and_the_angle_that_were_asked_for() -> None:
    torch.manual_seed(0)
    log_r, angle, *_ = LinOSS(1, state_size=500, damped=True, min_decay=0.9, max_decay=0.99).modes()
    assert 0.9 - 1e-5 < log_r.exp().min() < 0.905
    assert 0.985 < log_r.exp().max() < 0.99 + 1e-5
    assert 0.01 - 1e-4 < angle.min() < 0.05
    assert angle.mean().item() == pytest.approx(math.pi / 2, abs=0.1)


@both
def test_it_never_grows_whatever_is_learned_and_however_long_the_steps_are(damped: bool) -> None:
    core = LinOSS(H, state_size=3, damped=damped)
    with torch.no_grad():
        core.log_A.copy_(torch.tensor([-8.0, 0.0, 8.0]))
    for dt in (None, torch.rand(1, 5000) * 5):
        _, (h,) = core(torch.zeros(1, 5000, H), (torch.ones(1, 3, 2),), None, dt)
        assert (h.square().sum(-1) < 2).all()


def test_damping_is_a_time_scale_where_there_is_one() -> None:
    for damped, names in ((False, {"log_A", "step_logit"}), (True, {"log_A", "step_logit", "log_G"})):
        stack = Stack(2, partial(LinOSS, damped=damped))
        assert {name.rpartition(".")[2] for name in timescale_parameters(stack)} == names


@both
def test_the_state_has_the_size_of_the_input_however_long_it_remembers(damped: bool) -> None:
    torch.manual_seed(0)
    _, (h,) = LinOSS(16, state_size=400, damped=damped)(torch.randn(2, 4000, 16))
    sizes = h.square().sum(-1).mean(0)
    assert sizes.mean().item() == pytest.approx(1.0, rel=0.3)  # slow ones begin late


@both
def test_a_step_is_a_window_also_in_float32(damped: bool) -> None:
    """In (z, x), as the papers have it, they were up to 7e-3 apart, damped."""
    torch.manual_seed(1)
    core, x = LinOSS(8, damped=damped), torch.randn(1, 300, 8)
    state, steps = None, []
    for t in range(300):
        y, state = core(x[:, t : t + 1], state)
        steps.append(y)
    torch.testing.assert_close(torch.cat(steps, 1), core(x)[0], atol=2e-6, rtol=2e-5)


@both
def test_parameters(damped: bool) -> None:
    core = LinOSS(H, state_size=N, damped=damped)
    assert sum(p.numel() for p in core.parameters()) == 2 * N * H + (2 + damped) * N + H


def test_under_autocast_the_recurrence_stays_in_float32() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        for steps in (1, 9):
            y, (h,) = LinOSS(H, state_size=N)(torch.randn(2, steps, H))
            assert (h.dtype, y.isfinite().all()) == (torch.float32, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"state_size": 0}, "^state_size=0 is too small"),
        ({"min_step": 0.0}, "^min_step=0.0 and max_step=0.75 are no range; give 0 < min_step"),
        ({"max_decay": 1.0}, "^min_decay=0.9 and max_decay=1.0 are no range"),
    ],
)
def test_bad_arguments(words: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LinOSS(H, **words)
