"""sLSTM against a plain loop over time, in the four tensors of its paper."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from seqmodels.cores.slstm import SLSTM

D, H, HEADS = 3, 6, 2


def plain_loop(core: SLSTM, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Section 2.2 with its stabiliser m, one head after the other; c, n and m of what the core carries."""
    h, s, log_norm = state
    m = log_norm - 0.3  # whichever m: it is in c and n as well
    n = torch.exp(log_norm - m)
    c = s * n
    outputs = []
    for step in x.unbind(1):
        parts = []
        for head, h_head in enumerate(h.chunk(HEADS, -1)):
            rows = slice(head * 4 * H // HEADS, (head + 1) * 4 * H // HEADS)
            parts.append(step @ core.input.weight[rows].T + core.input.bias[rows] + h_head @ core.R[head])
        gates = [torch.cat([part.chunk(4, -1)[gate] for part in parts], -1) for gate in range(4)]
        i, f, z, o = gates
        log_f = torch.log(torch.sigmoid(f))
        m_new = torch.maximum(log_f + m, i)
        i_stable, f_stable = torch.exp(i - m_new), torch.exp(log_f + m - m_new)
        c = f_stable * c + i_stable * torch.tanh(z)
        n = f_stable * n + i_stable
        m = m_new
        h = torch.sigmoid(o) * c / n
        outputs.append(h)
    return torch.stack(outputs, 1), h, c / n, m + torch.log(n)


def core_with_wide_gates() -> SLSTM:
    torch.manual_seed(1)
    core = SLSTM(D, expand=2, num_heads=HEADS).double()
    with torch.no_grad():
        for parameter in core.parameters():
            parameter.normal_(std=1.5)
    return core


@pytest.mark.parametrize("steps", [1, 2, 40])
def test_it_is_the_papers_equations(steps: int) -> None:
    core = core_with_wide_gates()
    x = torch.randn(2, steps, D, dtype=torch.float64, requires_grad=True)
    state = tuple(torch.randn(2, H, dtype=torch.float64, requires_grad=True) for _ in range(3))
    y, end = core(x, state)
    plain = plain_loop(core, x, state)
    inputs = [x, *state, *core.parameters()]
    losses = [sum(tensor.sin().sum() for tensor in every) for every in ((y, *end), plain)]
    found, expected = (torch.autograd.grad(loss, inputs) for loss in losses)
    for mine, true in zip((y, *end, *found), (*plain, *expected), strict=True):
        torch.testing.assert_close(mine, true, atol=1e-10, rtol=1e-10)


def test_it_begins_as_the_paper_with_c_and_n_of_zero() -> None:
    core, x = core_with_wide_gates(), torch.randn(2, 20, D, dtype=torch.float64)
    h, s, _ = core.initial_state(2)
    almost_nothing = plain_loop(core, x, (h, s, torch.full_like(h, -500.0)))
    y, end = core(x)
    for mine, true in zip((y, *end), almost_nothing, strict=True):
        torch.testing.assert_close(mine, true, atol=1e-12, rtol=1e-12)


def test_of_an_empty_memory_nothing_is_read() -> None:
    core, x = core_with_wide_gates(), torch.randn(2, 4, D, dtype=torch.float64)
    h, s, empty = core.initial_state(2)
    torch.testing.assert_close(core(x, (h + 5, s - 7, empty)), core(x), atol=0, rtol=0)


@pytest.mark.parametrize("size", [1e2, 1e4, 1e30])
def test_gates_of_any_size_stay_finite(size: float) -> None:
    core = SLSTM(D, num_heads=1)
    with torch.no_grad():
        core.input.weight *= size
    x = torch.randn(3, 30, D, requires_grad=True)
    y, end = core(x)
    y.sum().backward()
    for tensor in (y, *end, x.grad, *(parameter.grad for parameter in core.parameters())):
        assert tensor is not None
        assert tensor.isfinite().all()
    assert y.abs().max() <= 1


def test_an_open_forget_gate_makes_a_mean() -> None:
    """With σ(f) = 1 and equal input gates s is the mean of tanh(z), which float32 keeps to its digits."""
    core = SLSTM(1, num_heads=1)
    with torch.no_grad():
        for parameter in core.parameters():
            parameter.zero_()
        core.input.bias[:2] = torch.tensor([-200.0, 200.0])
        core.input.weight[2] = 1
    x = torch.randn(1, 5000, 1)
    _, (_, s, log_norm) = core(x)
    assert s.item() == pytest.approx(x.double().tanh().mean().item(), abs=2e-5)
    assert log_norm.item() == pytest.approx(math.log(5000) - 200, abs=1e-3)


def test_a_reset_inside_a_window_forgets_all() -> None:
    core, x = core_with_wide_gates(), torch.randn(2, 9, D, dtype=torch.float64)
    reset = torch.zeros(2, 9, dtype=torch.bool)
    reset[0, 4] = True
    spoilt = x.clone()
    spoilt[0, 3] = math.nan
    y, _ = core.forward(spoilt, core(x)[1], reset)
    torch.testing.assert_close(y[:1, 4:], core(x[:1, 4:])[0], atol=1e-12, rtol=1e-12)
    assert torch.equal(y[1], core(x, core(x)[1])[0][1])


def test_forget_biases_are_spaced_in_each_head() -> None:
    biases = SLSTM(3, expand=2, num_heads=2, min_forget_bias=1.0, max_forget_bias=2.0).input.bias.view(2, 4, 3)
    torch.testing.assert_close(biases[:, 1], torch.tensor([[1.0, 1.5, 2.0]] * 2))
    assert not biases[:, [0, 2, 3]].any()


def test_parameters() -> None:
    assert sum(p.numel() for p in SLSTM(D, expand=2, num_heads=HEADS).parameters()) == 4 * H * (D + H // HEADS + 1)


def test_under_autocast_the_recurrence_stays_in_float32() -> None:
    core, x = SLSTM(8), torch.randn(2, 9, 8)
    with torch.autocast("cpu", torch.bfloat16):
        y, end = core(x)
    assert {tensor.dtype for tensor in (y, *end)} == {torch.float32}
    torch.testing.assert_close(y, core(x)[0], atol=0, rtol=0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"num_heads": 0}, "^num_heads=0 is too small"),
        ({"num_heads": 4}, "^num_heads=4 does not divide a width of 6; give .* multiple of 4"),
        ({"expand": 0}, "^expand=0 leaves no unit"),
        ({"min_forget_bias": 7.0}, "^min_forget_bias=7.0 is above max_forget_bias=6.0"),
    ],
)
def test_bad_arguments(words: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SLSTM(D, **{"expand": 2, "num_heads": 2} | words)


def test_the_second_term_of_a_sum_of_exponentials_is_not_dropped_too_early() -> None:
    for value in (49.0, 51.0):
        kept = torch.tensor(value, dtype=torch.float64)
        torch.testing.assert_close(F.softplus(kept, threshold=50), torch.logaddexp(kept, kept * 0), rtol=1e-15, atol=0)
