"""Gated DeltaNet and DeltaProduct against plain loops written from the papers' equations; their start; counting."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from seqmodels.cores.base import State
from seqmodels.cores.delta_product import DeltaProduct
from seqmodels.cores.gated_delta_net import DeltaRule, GatedDeltaNet

D, H, K, V = 5, 2, 3, 4
SMALL = {"num_heads": H, "key_size": K, "value_size": V}
KINDS: dict[str, Any] = {
    "gated_delta_net": lambda **options: GatedDeltaNet(D, **SMALL, **options),
    "negative eigenvalues": lambda **options: GatedDeltaNet(D, **SMALL, negative_eigenvalues=True, **options),
    "delta_product": lambda **options: DeltaProduct(D, num_householders=3, **SMALL, **options),
}


def make(kind: str, dtype: torch.dtype = torch.float64, **options: Any) -> DeltaRule:
    torch.manual_seed(3)
    core: DeltaRule = KINDS[kind](**options).to(dtype)
    torch.nn.init.normal_(core.norm.weight)
    return core


def signal(b: int, t: int) -> Tensor:
    return torch.randn(b, t, D, dtype=torch.float64, generator=torch.Generator().manual_seed(5))


def unit(v: Tensor) -> Tensor:
    return v / (v.square().sum(-1, keepdim=True) + 1e-6).sqrt()


def loop(core: DeltaRule, x: Tensor, state: State) -> tuple[Tensor, State]:
    """One step and one head after the other."""
    (memory, tail), ys, n = state, [], core.changes
    taps = core.conv_weight
    for t in range(x.shape[1]):
        read = x[:, t] @ core.in_proj.weight.T
        qkv, z, b, a = read.split([H * K + n * H * (K + V), H * V, n * H, H], -1)
        tail = torch.cat([tail, qkv.unsqueeze(1)], 1)
        qkv = F.silu(sum(tail[:, j] * taps[j] for j in range(len(taps))))
        tail = tail[:, 1:]
        q, k, v = qkv[:, : H * K], qkv[:, H * K : H * K + n * H * K], qkv[:, H * K + n * H * K :]
        heads, ends = [], []
        for head in range(H):
            decay = torch.exp(-core.A_log[head].exp() * torch.log1p(torch.exp(a[:, head] + core.dt_bias[head])))
            S = decay[:, None, None] * memory[:, head]
            for j in range(n):
                place = j * H + head
                key, value = unit(k[:, place * K : (place + 1) * K]), v[:, place * V : (place + 1) * V]
                strength = (2 if core.reflects else 1) * torch.sigmoid(b[:, place])[:, None, None]
                outer = key.unsqueeze(2) @ key.unsqueeze(1)
                S = S - strength * (outer @ S) + strength * (key.unsqueeze(2) @ value.unsqueeze(1))
            y = (S.transpose(1, 2) @ unit(q[:, head * K : (head + 1) * K]).unsqueeze(2)).squeeze(2) / K**0.5
            y = y / (y.square().mean(-1, keepdim=True) + 1e-5).sqrt() * core.norm.weight
            heads.append(y * F.silu(z[:, head * V : (head + 1) * V]))
            ends.append(S)
        memory = torch.stack(ends, 1)
        ys.append(torch.cat(heads, -1) @ core.out_proj.weight.T)
    return torch.stack(ys, 1), (memory, tail)


def carried(core: DeltaRule, b: int) -> State:
    generator = torch.Generator().manual_seed(7)
    state = (torch.randn(s.shape, dtype=s.dtype, generator=generator) for s in core.initial_state(b))
    return tuple(tensor.requires_grad_() for tensor in state)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("steps", "conv_size"), [(1, 4), (2, 1), (17, 4)])
def test_it_is_a_loop_over_time(kind: str, steps: int, conv_size: int) -> None:
    core = make(kind, conv_size=conv_size)
    x, state = signal(2, steps).requires_grad_(), carried(core, 2)
    results = [(y, *end) for y, end in (core(x, state), loop(core, x, state))]
    sources = [x, *(tensor for tensor in state if tensor.numel()), *core.parameters()]
    gradients = [torch.autograd.grad(sum(r.pow(3).sum() for r in result), sources) for result in results]
    for mine, plain in (results, gradients):
        torch.testing.assert_close(mine, plain, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_a_reset_inside_a_window_is_a_new_stream(kind: str) -> None:
    core, x = make(kind), signal(2, 20)
    reset = torch.zeros(2, 20, dtype=torch.bool)
    reset[0, 7] = True
    y, end = core.forward(x, None, reset)
    first, rest = core(x[:, :7]), core(x[:1, 7:])
    torch.testing.assert_close(y[0], torch.cat([first[0][0], rest[0][0]]))
    torch.testing.assert_close(y[1], core(x)[0][1])
    for ours, true in zip(end, rest[1], strict=True):
        torch.testing.assert_close(ours[0], true[0])


def test_a_change_with_b_2_counts_modulo_2() -> None:
    """One head whose key never changes and whose decay is 1: each step turns what stands there around."""
    core = make("negative eigenvalues", conv_size=1)
    with torch.no_grad():
        core.A_log.fill_(-torch.inf)
        core.conv_weight.fill_(1)
        core.in_proj.weight.zero_()
        qkv, values, b = core.in_proj.weight[: core.sizes[0]], core.sizes[1], core.sizes[0] + core.sizes[1]
        qkv[: 2 * H * K, 0] = 1  # q and k of what is always 1; no v
        core.in_proj.weight[b : b + H, 1] = 100  # 2 σ(b) is 2 where a one comes, and 0 where a zero
        core.in_proj.weight[core.sizes[0] : core.sizes[0] + values, 0] = 1
    bits = (torch.rand(1, 1000, generator=torch.Generator().manual_seed(0)) < 0.5).double()
    x = torch.zeros(1, 1000, D, dtype=torch.float64)
    x[..., 0], x[..., 1] = 1, 2 * bits - 1
    start = torch.ones_like(core.initial_state(1)[0]), core.initial_state(1)[1]
    _, (memory, _) = core(x, start)
    expected = 1 - 2 * (bits.sum() % 2)
    torch.testing.assert_close(memory, expected * start[0], atol=1e-2, rtol=0)  # keys are of length 1 - 2e-6


def test_the_start_is_that_of_the_authors() -> None:
    torch.manual_seed(0)
    core = GatedDeltaNet(8, num_heads=1000, key_size=2, value_size=2, dt_min=0.002, dt_max=0.2)
    A, dt = core.A_log.exp(), F.softplus(core.dt_bias.double())
    assert 0 < A.min() < 0.2
    assert 15.8 < A.max() <= 16
    assert 0.002 * 0.999 < dt.min() < 0.0022
    assert 0.18 < dt.max() < 0.2 * 1.001


@pytest.mark.parametrize(("core", "changes"), [(GatedDeltaNet(7), 1), (DeltaProduct(7, 3), 3)])
def test_the_number_of_parameters(core: DeltaRule, changes: int) -> None:
    h, k, v = 4, 16, 32
    width = h * k + changes * h * (k + v)
    expected = 7 * (width + 2 * h * v + (changes + 1) * h) + 4 * width + 2 * h + v
    assert sum(p.numel() for p in core.parameters()) == expected


def test_in_bfloat16_the_state_stays_float32() -> None:
    core, x = make("delta_product", torch.float32), signal(2, 9).float()
    exact, _ = core(x)
    with torch.autocast("cpu", torch.bfloat16):
        y, state = core(x)
    y.float().square().sum().backward()
    assert {tensor.dtype for tensor in state} == {torch.float32}
    torch.testing.assert_close(y.float(), exact, atol=0.05, rtol=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *(({name: 0}, f"{name}=0 is too small") for name in (*SMALL, "conv_size", "num_householders")),
        ({"num_householders": 2000}, "num_householders=2000 is too large"),
        ({"dt_min": 0.2}, "dt_min=0.2 and dt_max=0.1 are no range"),
    ],
)
def test_what_is_no_block_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        DeltaProduct(D, **options)
