"""Mamba against a plain loop over time, written from algorithm 2 and equation 2 of Gu & Dao 2023 (arXiv 2312.00752)."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional as F

from seqmodels.cores import selective_scan as scans
from seqmodels.cores.base import State
from seqmodels.cores.mamba import Mamba
from seqmodels.cores.selective_scan import selective_scan
from seqmodels.cores.short_convolution import convolve

H, N = 5, 4
CHUNK_STEPS = 64
TIMES = [1, 2, 63, 64, 65, 127, 128, 129, 300]


def make(dtype: torch.dtype = torch.float64, **options: Any) -> Mamba:
    torch.manual_seed(3)
    return Mamba(H, **{"state_size": N} | options).to(dtype)


def carried(core: Mamba, b: int) -> State:
    generator = torch.Generator().manual_seed(7)
    return tuple(torch.randn(s.shape, dtype=s.dtype, generator=generator) for s in core.initial_state(b))


def signal(b: int, t: int) -> Tensor:
    return torch.randn(b, t, H, dtype=torch.float64, generator=torch.Generator().manual_seed(5))


def loop(core: Mamba, x: Tensor, state: State) -> tuple[Tensor, State]:
    """One step after the other, every sum over states and taps written out."""
    (h, tail), ys = state, []
    taps, rank, size = core.conv_weight.T, core.dt_proj.in_features, core.A_log.shape[1]
    A = -torch.exp(core.A_log)
    for t in range(x.shape[1]):
        u, z = (x[:, t] @ core.in_proj.weight.T).chunk(2, -1)
        tail = torch.cat([tail, u.unsqueeze(1)], 1)
        u = F.silu(core.conv_bias + sum(taps[:, k] * tail[:, k] for k in range(taps.shape[1])))
        tail = tail[:, 1:]
        selected = u @ core.x_proj.weight.T
        low_rank, b, c = selected[:, :rank], selected[:, rank:-size], selected[:, -size:]
        dt = torch.log1p(torch.exp(low_rank @ core.dt_proj.weight.T + core.dt_proj.bias))
        h = torch.stack([torch.exp(dt * A[:, n]) * h[..., n] + dt * b[:, n, None] * u for n in range(size)], -1)
        y = core.D * u + sum(c[:, n, None] * h[..., n] for n in range(size))
        ys.append((y * F.silu(z)) @ core.out_proj.weight.T)
    return torch.stack(ys, 1), (h, tail)


@pytest.mark.parametrize("sizes", [{}, {"expand": 1, "conv_size": 1, "state_size": 1}], ids=["usual", "smallest"])
@pytest.mark.parametrize("steps", TIMES)
def test_it_is_a_loop_over_time(steps: int, sizes: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    core, b = make(**sizes), 3
    monkeypatch.setitem(scans.CHUNK, "cpu", CHUNK_STEPS * b * core.A_log.numel())
    x, state = signal(b, steps).requires_grad_(), carried(core, b)
    for tensor in state:
        tensor.requires_grad_()
    results = [(y, *end) for y, end in (core(x, state), loop(core, x, state))]
    sources = [x, *state, *core.parameters()] if state[1].numel() else [x, state[0], *core.parameters()]
    gradients = [torch.autograd.grad(sum(r.pow(3).sum() for r in result), sources) for result in results]
    for mine, plain in (results, gradients):
        torch.testing.assert_close(mine, plain, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("steps", [2, 3, 7])
def test_the_gradients_of_the_scan_are_those_of_differences(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    b, e, n = 2, 3, 2
    monkeypatch.setitem(scans.CHUNK, "cpu", 3 * b * e * n)
    generator = torch.Generator().manual_seed(1)
    shapes = [*[(b, steps, e)] * 3, (e, n), *[(b, steps, n)] * 2, (e,), (b, e, n)]
    inputs = [torch.randn(s, dtype=torch.float64, generator=generator).requires_grad_() for s in shapes]
    assert torch.autograd.gradcheck(selective_scan, inputs)
    inputs = [
        torch.randn(s, dtype=torch.float64, generator=generator).requires_grad_()
        for s in [(b, steps + 2, e), (3, e), (e,)]
    ]
    assert torch.autograd.gradcheck(convolve, inputs)


def test_a_channel_that_forgets_everything_in_one_step() -> None:
    """exp(dt A) underflows to 0 and nothing becomes infinite or NaN."""
    core = make(torch.float32)
    torch.nn.init.constant_(core.dt_proj.bias, 200.0)
    x = signal(2, 40).float().requires_grad_()
    y, state = core(x)
    for tensor in (y, *state, *torch.autograd.grad(y.sum(), [x, *core.parameters()])):
        assert tensor.isfinite().all()


@pytest.mark.parametrize(("width", "state_size", "expand", "conv_size"), [(64, 16, 2, 4), (17, 3, 1, 2), (5, 1, 3, 1)])
def test_the_number_of_parameters_is_the_papers(width: int, state_size: int, expand: int, conv_size: int) -> None:
    core = Mamba(width, state_size, expand, conv_size)
    e, r = expand * width, math.ceil(width / 16)
    projections = 2 * width * e + e * (r + 2 * state_size) + r * e + e * width
    assert sum(p.numel() for p in core.parameters()) == projections + e * conv_size + e + e + e * state_size + e


def test_the_start_is_that_of_the_authors() -> None:
    torch.manual_seed(0)
    core = Mamba(512, dt_min=0.002, dt_max=0.2)
    dt = F.softplus(core.dt_proj.bias.double())
    assert 0.002 * 0.999 < dt.min() < 0.0022
    assert 0.18 < dt.max() < 0.2 * 1.001
    assert dt.log().mean().item() == pytest.approx((math.log(0.002) + math.log(0.2)) / 2, abs=0.15)
    assert core.dt_proj.weight.abs().max().item() == pytest.approx(32**-0.5, rel=0.01)
    torch.testing.assert_close(-core.A_log.exp(), -torch.arange(1.0, 17).expand(1024, 16))
    assert (core.D == 1).all()
    for taps in (core.conv_weight, core.conv_bias):
        assert taps.abs().max().item() == pytest.approx(0.5, rel=0.01)


def test_its_timescale_parameters_are_parameters_of_it() -> None:
    assert set(Mamba.timescale_parameters) < {name for name, _ in make().named_parameters()}


@pytest.mark.parametrize("steps", [400, 1600])
def test_no_tensor_of_all_states_is_kept(steps: int) -> None:
    """Of (B, T, E) some are, but none that is N = 16 times as large."""
    core, kept = Mamba(32), {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes() / tensor.element_size()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        y, _ = core(torch.randn(16, steps, 32))
    activation = y.shape[0] * steps * 64
    assert activation <= max(kept.values()) <= 2.1 * activation
    assert sum(kept.values()) <= 16 * activation


def test_what_is_carried_holds_no_window_alive() -> None:
    """A view would put the whole window into every checkpoint."""
    core = make()
    for tensor in core(signal(2, 300))[1]:
        assert tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()


@pytest.mark.parametrize("steps", [1, 9])
def test_in_bfloat16_the_state_stays_float32(steps: int) -> None:
    core, x = make(torch.float32), signal(2, steps).float()
    exact, _ = core(x)
    with torch.autocast("cpu", torch.bfloat16):
        y, state = core(x)
    y.float().square().sum().backward()
    assert {tensor.dtype for tensor in state} == {torch.float32}
    torch.testing.assert_close(y.float(), exact, atol=0.02, rtol=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *(({name: 0}, f"{name}=0 is too small") for name in ("state_size", "expand", "conv_size")),
        ({"dt_min": 0.0}, "dt_min=0.0 and dt_max=0.1 are no range"),
        ({"dt_min": 0.2}, "dt_min=0.2 and dt_max=0.1 are no range"),
    ],
)
def test_what_is_no_block_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        Mamba(H, **options)
