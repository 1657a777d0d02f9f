"""S4D: the chunked convolution against the recurrence as the paper writes it; its initialisation."""

import copy
import math

import pytest
import torch
from torch import Tensor

from seqmodels.cores.base import State
from seqmodels.cores.s4d import CHUNK, S4D
from seqmodels.cores.stack import Stack

H, N = 5, 8
INITS = ["lin", "inv"]


def recurrence(core: S4D, x: Tensor, state: State | None) -> tuple[Tensor, Tensor]:
    """Step after step; B is 1."""
    dt = core.log_dt.exp().unsqueeze(-1)
    a = torch.complex(-core.log_A_real.exp(), core.A_imag)
    a_bar = (dt * a).exp()
    b_bar = (a_bar - 1) / a
    c = torch.view_as_complex(core.C)
    h = torch.view_as_complex(state[0]) if state else torch.zeros(x.shape[0], *a.shape, dtype=a.dtype)
    outputs = []
    for x_t in x.unbind(1):
        h = a_bar * h + b_bar * x_t.unsqueeze(-1)
        outputs.append((c * h + (c * h).conj()).sum(-1).real + core.D * x_t)
    return torch.stack(outputs, 1), torch.view_as_real(h)


@pytest.mark.parametrize("steps", [1, 2, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, 2 * CHUNK + 1, 300])
@pytest.mark.parametrize("carried", [False, True])
@pytest.mark.parametrize("init", INITS)
def test_a_window_is_the_recurrence_and_so_is_its_gradient(init: str, carried: bool, steps: int) -> None:
    torch.manual_seed(1)
    core = S4D(H, N, init=init).double()
    x = torch.randn(3, steps, H, dtype=torch.float64, requires_grad=True)
    h = torch.randn(3, H, N // 2, 2, dtype=torch.float64, requires_grad=True)
    inputs = [x, *core.parameters(), *([h] if carried else [])]
    state = (h,) if carried else None
    y, (end,) = core(x, state)
    expected = recurrence(core, x, state)
    cotangents = torch.randn_like(y), torch.randn_like(end)
    got = torch.autograd.grad((y, end), inputs, cotangents)
    wanted = torch.autograd.grad(expected, inputs, cotangents)
    torch.testing.assert_close((y, end, *got), (*expected, *wanted), atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("steps", [1, 2, CHUNK + 1])
def test_the_next_window_alone_may_carry_the_gradient(steps: int) -> None:
    """As in TBPTT, where a window's y may be masked altogether; and as in inference, where nothing has a gradient."""
    core = S4D(H, N).double()
    x = torch.randn(2, steps, H, dtype=torch.float64)
    parameters = [core.log_dt, core.log_A_real, core.A_imag]
    got = torch.autograd.grad(core(x)[1][0].square().sum(), parameters)
    wanted = torch.autograd.grad(recurrence(core, x, None)[1].square().sum(), parameters)
    torch.testing.assert_close(got, wanted, atol=1e-10, rtol=1e-10)
    with torch.inference_mode():
        torch.testing.assert_close(core(x)[0], recurrence(core, x, None)[0], atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("init", INITS)
def test_float32_holds_over_ten_thousand_steps(init: str) -> None:
    """Errors of the phase, which turns by hundreds of radians a chunk, would add up where memory is long."""
    exact, core = twins(init)
    impulse = torch.zeros(1, 10_000, 16)
    impulse[:, 0] = 1
    with torch.no_grad():
        for x in (impulse, torch.randn(1, 10_000, 16)):
            y, expected = core(x)[0], exact(x.double())[0]
            assert (y - expected).abs().max() < 4e-6 * expected.abs().max()


def test_float32_holds_step_by_step() -> None:
    """An impulse response of long memory, where Ā in float32 would be wrong by 1e-5 after 2,000 steps."""
    exact, core = twins("lin")
    x = torch.zeros(1, 2000, 16)
    x[:, 0] = 1
    state, outputs = None, []
    with torch.no_grad():
        for step in x.split(1, dim=1):
            y, state = core(step, state)
            outputs.append(y)
        expected = exact(x.double())[0]
    assert ((torch.cat(outputs, 1) - expected).abs().amax(1) < 3e-6 * expected.abs().amax(1)).all()


def twins(init: str) -> tuple[S4D, S4D]:
    """In float64 and in float32, half of the channels with the longest memory."""
    torch.manual_seed(0)
    core = S4D(16, 64, init=init)
    core.log_dt.data[::2] = math.log(0.001)
    return copy.deepcopy(core).double(), core


def test_initial_values() -> None:
    torch.manual_seed(0)
    core = S4D(2000, 64, dt_min=0.01, dt_max=0.2)
    dt = core.log_dt.exp()
    assert 0.01 <= dt.min() < 0.0101
    assert 0.198 < dt.max() <= 0.2
    assert (dt < math.sqrt(0.01 * 0.2)).float().mean().item() == pytest.approx(0.5, abs=0.05)  # log-uniform
    torch.testing.assert_close(core.log_A_real.exp(), torch.full((2000, 32), 0.5))
    assert core.C.square().sum(-1).mean().item() == pytest.approx(1, abs=0.02)
    assert core.D.std().item() == pytest.approx(1, abs=0.05)


def test_frequencies_are_the_papers() -> None:
    lin, inv = (S4D(H, N, init=init).A_imag for init in INITS)
    torch.testing.assert_close(lin, torch.tensor([0, 1, 2, 3]).mul(math.pi).expand(H, 4))
    expected = torch.tensor([8 / math.pi * (8 / odd - 1) for odd in (1, 3, 5, 7)])
    torch.testing.assert_close(inv, expected.expand(H, 4))


def test_parameters() -> None:
    width, state, layers = 128, 64, 4
    layer = width * (2 * (state // 2) + state + 1 + 1)  # A, C, dt, D
    assert sum(p.numel() for p in S4D(width, state).parameters()) == layer
    glu, norm, encoder = 2 * width * (width + 1), 2 * width, 2 * width
    stack = Stack(1, S4D, hidden_size=width, num_layers=layers)
    assert sum(p.numel() for p in stack.parameters()) == layers * (layer + glu + norm) + encoder + norm == 200_192


@pytest.mark.slow
def test_a_step_has_no_complex_numbers() -> None:
    """ONNX has none."""
    core = S4D(H, N)
    example = torch.randn(2, 1, H), (torch.randn(2, H, N // 2, 2),)
    program = torch.export.export(core, example)
    values = [node.meta["val"] for node in program.graph.nodes if isinstance(node.meta.get("val"), Tensor)]
    assert len(values) > 20
    assert not any(value.is_complex() for value in values)
    torch.testing.assert_close(program.module()(*example), core(*example))


@pytest.mark.parametrize("steps", [1, 2, 100])
def test_mixed_precision_keeps_the_recurrence_in_float32(steps: int) -> None:
    core, x = S4D(H, N), torch.randn(2, steps, H).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        y, (end,) = core(x)
        y, (end,) = core(x, (end.bfloat16(),))
    _, (middle,) = core(x.float())
    expected, (expected_end,) = core(x.float(), (middle.bfloat16().float(),))
    assert torch.equal(y, expected)
    assert torch.equal(end, expected_end)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_size": 0}, "input_size=0 is too small"),
        ({"state_size": 7}, "state_size=7 .* give an even number of at least 2"),
        ({"state_size": 0}, "state_size=0 .* give an even number of at least 2"),
        ({"dt_min": 0.0}, "dt_min=0.0 and dt_max=0.1 .* give 0 < dt_min <= dt_max"),
        ({"dt_min": 0.2}, "dt_min=0.2 and dt_max=0.1 "),
        ({"init": "legs"}, "init=legs is not known; choose lin or inv"),
    ],
)
def test_arguments(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        S4D(**{"input_size": 3, **arguments})
