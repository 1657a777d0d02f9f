"""minGRU and minLSTM against a plain time loop, and against the logarithms with which their paper computes them."""

from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import pad, softplus

from seqmodels.cores.min_gru import MinGRU, g
from seqmodels.cores.min_lstm import MinLSTM
from seqmodels.cores.stack import Stack

Core = MinGRU | MinLSTM
CORES = pytest.mark.parametrize("make", [MinGRU, MinLSTM])
STEPS = pytest.mark.parametrize("t", [1, 2, 127, 128, 129, 300])


def loop(core: Core, x: Tensor, h: Tensor) -> Tensor:
    """Feng et al. 2024, sections 3.1 and 3.2 in sequential mode, with the g of appendix B."""
    states = []
    for gates in core.gates(x).unbind(1):
        *gate, v = gates.chunk(2 if isinstance(core, MinGRU) else 3, -1)
        candidate = torch.where(v >= 0, v + 0.5, torch.sigmoid(v))
        if len(gate) == 1:
            z = torch.sigmoid(gate[0])
            h = (1 - z) * h + z * candidate
        else:
            f, i = torch.sigmoid(gate[0]), torch.sigmoid(gate[1])
            h = f / (f + i) * h + i / (f + i) * candidate
        states.append(h)
    return torch.stack(states, 1)


def in_logarithms(core: Core, x: Tensor, h: Tensor) -> Tensor:
    """Appendix B: with A_t the sum of log a, log h_t = A_t + log sum_s exp(log b_s - A_s) (Heinsen 2023)."""
    *gate, v = core.gates(x).chunk(2 if isinstance(core, MinGRU) else 3, -1)
    if len(gate) == 1:
        log_a, log_z = -softplus(gate[0], threshold=700), -softplus(-gate[0], threshold=700)
    else:
        difference = softplus(-gate[0], threshold=700) - softplus(-gate[1], threshold=700)
        log_a, log_z = -softplus(difference, threshold=700), -softplus(-difference, threshold=700)
    log_candidate = torch.where(v >= 0, torch.log(v.clamp(min=0) + 0.5), -softplus(-v, threshold=700))
    log_b = torch.cat([h.log().unsqueeze(1), log_z + log_candidate], 1)
    sums = pad(log_a.cumsum(1), (0, 0, 1, 0))
    return (sums + torch.logcumsumexp(log_b - sums, 1)).exp()[:, 1:]


def assert_same_with_gradients(core: Core, reference: object, b: int, t: int, h: Tensor) -> None:
    x = torch.randn(b, t, core.input_size, dtype=torch.float64)
    leaves = [*core.parameters(), x.requires_grad_(), h.requires_grad_()]
    expected, (y, (end,)) = reference(core, x, h), core(x, (h,))
    weights = torch.randn_like(y)
    mine = torch.autograd.grad((y * weights).sum() + end.square().sum(), leaves)
    theirs = torch.autograd.grad((expected * weights).sum() + expected[:, -1].square().sum(), leaves)
    for left, right in zip((y, end, *mine), (expected, expected[:, -1], *theirs), strict=True):
        torch.testing.assert_close(left, right, rtol=1e-10, atol=1e-10)


def trained(make: type[Core], **arguments: float) -> Core:
    """With gates that open and shut, as after training."""
    torch.manual_seed(2)
    core = make(4, **arguments).double()
    with torch.no_grad():
        for parameter in core.parameters():
            parameter.normal_()
    return core


@CORES
@STEPS
@pytest.mark.parametrize("b", [1, 5])
def test_it_is_the_loop(make: type[Core], b: int, t: int) -> None:
    assert_same_with_gradients(trained(make, expand=1.5), loop, b, t, torch.randn(b, 6, dtype=torch.float64))


@CORES
@STEPS
@pytest.mark.parametrize("b", [1, 5])
def test_it_is_what_the_paper_computes_in_logarithms(make: type[Core], b: int, t: int) -> None:
    h = torch.rand(b, 6, dtype=torch.float64) + 0.1
    assert_same_with_gradients(trained(make, expand=1.5), in_logarithms, b, t, h)


@CORES
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gates_that_are_wide_open_or_shut(make: type[Core], dtype: torch.dtype) -> None:
    core = make(4).to(dtype)
    with torch.no_grad():
        core.gates.weight *= 1e4
    x = torch.randn(3, 50, 4, dtype=dtype, requires_grad=True)
    y, _ = core(x)
    y.sum().backward()
    assert y.isfinite().all()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    assert core.gates.weight.grad.isfinite().all()


@CORES
def test_what_is_kept_has_all_its_digits(make: type[Core]) -> None:
    """As by the paper's logarithms: 1 - σ(40) would be 0, and f / (f + i) of two gates that underflow 0 / 0."""
    core = make(1).double()
    bias = {MinGRU: [40.0, -1e9], MinLSTM: [-1040.0, -1000.0, -1e9]}[make]
    core.gates.bias.data = torch.tensor(bias, dtype=torch.float64)
    _, (h,) = core(torch.zeros(1, 2, 1, dtype=torch.float64), (torch.ones(1, 1, dtype=torch.float64),))
    torch.testing.assert_close(h.log(), torch.full_like(h, -80.0), rtol=1e-12, atol=0)


def test_the_candidate() -> None:
    v = torch.tensor([-1e4, -3.0, -0.25, 0.25, 3.0, 1e4], dtype=torch.float64, requires_grad=True)
    expected = torch.where(v >= 0, v + 0.5, torch.sigmoid(v))
    torch.testing.assert_close(g(v), expected, rtol=1e-12, atol=0)
    (mine,), (theirs,) = (torch.autograd.grad(f.sum(), v) for f in (g(v), expected))
    torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=0)
    assert g(torch.zeros(1)).item() == 0.5


@pytest.mark.parametrize(
    ("make", "classic", "percentages"),
    [(MinGRU, nn.GRU, (33, 22, 17, 13)), (MinLSTM, nn.LSTM, (38, 25, 19, 15))],
)
def test_the_number_of_parameters(make: type[Core], classic: type, percentages: tuple[int, ...]) -> None:
    """2 d_h d_x and 3 d_h d_x without biases; of what a GRU and an LSTM need, the percentages of section 3."""
    gates = {MinGRU: 2, MinLSTM: 3}[make]
    for expand, percentage in enumerate(percentages, start=1):
        units = 16 * expand
        core = make(16, expand=expand)
        assert sum(p.numel() for p in core.parameters()) == gates * units * (16 + 1)
        weights = sum(p.numel() for p in classic(16, units, bias=False).parameters())
        assert core.gates.weight.numel() / weights == pytest.approx(percentage / 100, abs=0.0051)


def test_forget_bias_is_on_the_forget_gate_alone() -> None:
    torch.manual_seed(0)
    plain = MinLSTM(3, expand=2)
    torch.manual_seed(0)
    added = MinLSTM(3, expand=2, forget_bias=50.0)
    assert torch.equal(plain.gates.weight, added.gates.weight)
    torch.testing.assert_close((added.gates.bias - plain.gates.bias).tolist(), [50.0] * 6 + [0.0] * 12)
    past = torch.full((1, 6), 7.0)
    half_open = added.gates.bias[6:12].sigmoid()
    _, (h,) = added(torch.zeros(1, 1, 3), (past,))
    torch.testing.assert_close(h - (1 - 1 / (1 + half_open)) * g(added.gates.bias[12:]), past / (1 + half_open))
    added.gates.bias.data[6:12] = -50
    _, (h,) = added(torch.zeros(1, 100, 3), (past,))
    torch.testing.assert_close(h, past)  # remembered for 100 steps: it is the forget gate indeed


@CORES
def test_bfloat16_leaves_the_state_in_float32(make: type[Core]) -> None:
    core = Stack(3, partial(make, expand=2), hidden_size=8)
    with torch.autocast("cpu", torch.bfloat16):
        y, (h,) = core(torch.randn(2, 5, 3))
        _, (h_step,) = core(torch.randn(2, 1, 3), (h,))
        y.float().sum().backward()
    assert h.dtype == h_step.dtype == torch.float32


@CORES
@pytest.mark.parametrize("expand", [0.1, 0, -1])
def test_no_units_are_refused(make: type[Core], expand: float) -> None:
    with pytest.raises(ValueError, match=f"^expand={expand} leaves no unit of 3; give a larger number"):
        make(3, expand=expand)
