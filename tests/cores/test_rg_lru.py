"""RG-LRU against a plain loop over time, written from the paper, and its decays."""

import math

import pytest
import torch
from torch import Tensor

from seqmodels.cores.rg_lru import RGLRU

D, H, HEADS, K = 4, 6, 2, 3


def plain_loop(core: RGLRU, x: Tensor, h: Tensor, tail: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Section 2.4, with a = σ(Λ) as the paper writes it; figure 2."""
    past, outputs = list(tail.unbind(1)), []
    for step in x.unbind(1):
        z, u = (step @ core.in_proj.weight.T).chunk(2, -1)
        past.append(u)
        u = core.conv_bias + sum(tap * one for tap, one in zip(core.conv_weight, past[-K:], strict=True))
        heads = [part @ weight for part, weight in zip(u.chunk(HEADS, -1), core.gates, strict=True)]
        gates = [torch.cat([head.chunk(2, -1)[gate] for head in heads], -1) for gate in (0, 1)]
        r, i = (torch.sigmoid(gate + bias) for gate, bias in zip(gates, core.gates_bias, strict=True))
        a = torch.sigmoid(core.Lambda) ** (8 * r)
        h = a * h + torch.sqrt(1 - a**2) * (i * u)
        outputs.append((torch.nn.functional.gelu(z) * h) @ core.out_proj.weight.T)
    return torch.stack(outputs, 1), h, torch.stack(past[-(K - 1) :], 1)


def core_and_input(steps: int) -> tuple[RGLRU, Tensor, tuple[Tensor, ...]]:
    torch.manual_seed(steps)
    core = RGLRU(D, expand=1.5, num_heads=HEADS, conv_size=K).double()
    with torch.no_grad():
        core.gates_bias.normal_()
        core.conv_bias.normal_()
    x = torch.randn(2, steps, D, dtype=torch.float64, requires_grad=True)
    return core, x, tuple(torch.randn_like(s).requires_grad_() for s in core.initial_state(2))


@pytest.mark.parametrize("steps", [1, 2, 50])
def test_it_is_the_papers_equations(steps: int) -> None:
    core, x, state = core_and_input(steps)
    y, end = core(x, state)
    plain = plain_loop(core, x, *state)
    inputs = [x, *state, *core.parameters()]
    losses = [sum(tensor.sin().sum() for tensor in every) for every in ((y, *end), plain)]
    found, expected = (torch.autograd.grad(loss, inputs) for loss in losses)
    for mine, true in zip((y, *end, *found), (*plain, *expected), strict=True):
        torch.testing.assert_close(mine, true, atol=1e-9, rtol=1e-9)


def test_a_reset_inside_a_window_forgets_the_convolution_too() -> None:
    core, x, state = core_and_input(9)
    reset = torch.zeros(2, 9, dtype=torch.bool)
    reset[0, 4] = True
    y, _ = core.forward(x, state, reset)
    torch.testing.assert_close(y[:1, 4:], core(x[:1, 4:])[0], atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(y[1], core(x, state)[0][1], atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("bias", [-200.0, -20.0, 200.0])
def test_gates_that_are_wide_open_or_shut(bias: float) -> None:
    """Shut, a is 1 to the last digit of float32, where the slope of sqrt(1 - a²) is infinite."""
    core = RGLRU(D)
    with torch.no_grad():
        core.gates_bias.fill_(bias)
    x = torch.randn(2, 30, D, requires_grad=True)
    y, (h, _) = core(x, (torch.ones(2, D), torch.zeros(2, 3, D)))
    y.sum().backward()
    for tensor in (y, x.grad, *(parameter.grad for parameter in core.parameters())):
        assert tensor is not None
        assert tensor.isfinite().all()
    if bias < 0:
        torch.testing.assert_close(h, torch.ones_like(h), atol=1e-5, rtol=0)


def test_what_enters_a_long_memory_has_its_digits() -> None:
    """1 - a² by subtraction has none of them left in float32 at a gate of exp(-18)."""
    core = RGLRU(D)
    with torch.no_grad():
        core.gates_bias[0] = -18.0
        core.gates.zero_()
    x = torch.randn(2, 30, D)
    _, (h, _) = core(x)
    _, (exact, _) = core.double()(x.double())
    torch.testing.assert_close(h.double(), exact, atol=0, rtol=1e-4)


def test_decays_begin_in_their_range() -> None:
    torch.manual_seed(0)
    decay = torch.sigmoid(RGLRU(2, expand=2500, num_heads=5000, min_decay=0.5, max_decay=0.9).double().Lambda) ** 8
    assert 0.5 - 1e-6 < decay.min() < 0.51
    assert 0.89 < decay.max() < 0.9 + 1e-6
    assert decay.mean().item() == pytest.approx(0.7, abs=0.01)


def test_parameters() -> None:
    core = RGLRU(D, expand=1.5, num_heads=HEADS, conv_size=K)
    assert sum(p.numel() for p in core.parameters()) == H * (3 * D + 2 * H // HEADS + K + 4)


def test_under_autocast_the_recurrence_stays_in_float32() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        for steps in (1, 9):
            y, state = RGLRU(D)(torch.randn(2, steps, D))
            assert {tensor.dtype for tensor in state} == {torch.float32}
            assert y.isfinite().all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"num_heads": 3}, "^num_heads=3 does not divide a width of 4"),
        ({"conv_size": 0}, "^conv_size=0 is too small"),
        ({"min_decay": 0.9, "max_decay": 0.5}, "^min_decay=0.9 and max_decay=0.5 are no range; give 0 < min_decay"),
        ({"max_decay": 1.0}, "max_decay=1.0 are no range"),
        ({"min_decay": math.nan}, "^min_decay=nan"),
    ],
)
def test_bad_arguments(words: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RGLRU(D, **words)
