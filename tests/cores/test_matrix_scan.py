"""The scans over matrix states against plain loops: values, gradients, resets, decays that underflow, long times."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional as F

from seqmodels.cores.matrix_scan import decay_scan, delta_scan

B, H, K, V = 2, 3, 4, 5
SIZES = [(1, 1), (1, 3), (2, 1), (16, 1), (17, 2), (40, 1), (41, 3)]
"""Steps, and changes of the state in each."""


def draw(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, dtype=dtype)


def inputs(steps: int, changes: int = 1, heads: int = H) -> tuple[Tensor, ...]:
    """q, k, v, beta, log_decay, state; a tenth of the steps forgets everything."""
    torch.manual_seed(steps)
    many = steps * changes
    log_decay = torch.where(torch.rand(B, steps, H) < 0.1, -torch.inf, -3 * torch.rand(B, steps, H)).double()
    made = (
        draw(B, steps, heads, K),
        F.normalize(draw(B, many, heads, K), dim=-1),
        draw(B, many, H, V),
        2 * torch.rand(B, many, H).double(),
        log_decay,
        draw(B, H, K, V),
    )
    return tuple(tensor.requires_grad_() for tensor in made)


def delta_loop(q: Tensor, k: Tensor, v: Tensor, beta: Tensor, log_decay: Tensor, state: Tensor) -> tuple[Tensor, ...]:
    changes, ys = k.shape[1] // q.shape[1], []
    for t in range(q.shape[1]):
        state = log_decay[:, t].exp()[..., None, None] * state
        for j in range(t * changes, (t + 1) * changes):
            b = beta[:, j, :, None, None]
            along = torch.einsum("bhk,bhl->bhkl", k[:, j], k[:, j])
            state = state - b * (along @ state) + b * torch.einsum("bhk,bhv->bhkv", k[:, j], v[:, j])
        ys.append(torch.einsum("bhkv,bhk->bhv", state, q[:, t]))
    return torch.stack(ys, 1), state


def decay_loop(q: Tensor, k: Tensor, v: Tensor, log_decay: Tensor, state: Tensor) -> tuple[Tensor, ...]:
    q, k, ys = q.expand(-1, -1, H, -1), k.expand(-1, -1, H, -1), []
    for t in range(q.shape[1]):
        state = log_decay[:, t].exp()[..., None, None] * state + torch.einsum("bhk,bhv->bhkv", k[:, t], v[:, t])
        ys.append(torch.einsum("bhkv,bhk->bhv", state, q[:, t]))
    return torch.stack(ys, 1), state


def assert_same(ours: tuple[Tensor, ...], plain: tuple[Tensor, ...], sources: tuple[Tensor, ...]) -> None:
    torch.testing.assert_close(ours, plain, atol=1e-10, rtol=1e-10)
    gradients = [torch.autograd.grad(sum(one.pow(3).sum() for one in result), sources) for result in (ours, plain)]
    torch.testing.assert_close(*gradients, atol=1e-9, rtol=1e-10)


@pytest.mark.parametrize(("steps", "changes"), SIZES)
def test_a_delta_scan_is_a_loop(steps: int, changes: int) -> None:
    parts = inputs(steps, changes)
    assert_same(delta_scan(*parts), delta_loop(*parts), parts)


@pytest.mark.parametrize("heads", [1, H])
@pytest.mark.parametrize("steps", [1, 2, 16, 17, 40])
def test_a_decay_scan_is_a_loop(steps: int, heads: int) -> None:
    q, k, v, _, log_decay, state = inputs(steps, heads=heads)
    parts = q, k, v, log_decay, state
    assert_same(decay_scan(*parts), decay_loop(*parts), parts)


@pytest.mark.parametrize("steps", [1, 40])
def test_a_reset_leaves_nothing_of_what_was(steps: int) -> None:
    q, k, v, beta, log_decay, state = (tensor.detach() for tensor in inputs(steps))
    reset = torch.zeros(B, steps, dtype=torch.bool)
    reset[0, 0] = reset[1, steps // 2] = True
    state[reset[:, 0]] = torch.nan
    for row in range(B):
        one = slice(row, row + 1)
        first = steps // 2 if row else 0
        rest = slice(first, None)
        parts = q[one, rest], k[one, rest], v[one, rest], beta[one, rest], log_decay[one, rest]
        nothing = torch.zeros_like(state[one])
        y, end = delta_scan(q, k, v, beta, log_decay, state, reset)
        torch.testing.assert_close((y[one, rest], end[one]), delta_scan(*parts, nothing))
        y, end = decay_scan(q, k, v, log_decay, state, reset)
        torch.testing.assert_close((y[one, rest], end[one]), decay_scan(*parts[:3], parts[4], nothing))
        assert y.isfinite().all()


@pytest.mark.parametrize("scan", [delta_scan, decay_scan])
def test_many_models_are_each_alone(scan: Any) -> None:
    made = [inputs(20 + model) for model in range(2)]
    short = [[*(tensor[:, :20] for tensor in one[:5]), one[5]] for one in made]
    stacked = [torch.stack(tensors) for tensors in zip(*short, strict=True)]
    parts = stacked if scan is delta_scan else [*stacked[:3], *stacked[4:]]
    y, end = torch.func.vmap(scan)(*parts)
    alone = [scan(*(part[model] for part in parts)) for model in range(2)]
    assert_same((y, end), tuple(torch.stack(pair) for pair in zip(*alone, strict=True)), tuple(parts))


def test_strong_decays_keep_the_digits_of_weak_ones() -> None:
    """In float32 a sum of 15 decays of e^-100 is exact to 1e-4 only, and the last decay of a chunk is e^-0.001."""
    q, k, v, beta, _, state = (tensor.detach().float() for tensor in inputs(16))
    log_decay = torch.full((B, 16, H), -100.0)
    log_decay[:, -4:] = -0.001
    for scan, loop, parts in ((delta_scan, delta_loop, [q, k, v, beta]), (decay_scan, decay_loop, [q, k, v])):
        exact = loop(*(tensor.double() for tensor in (*parts, log_decay, state)))
        for ours, true in zip(scan(*parts, log_decay, state), exact, strict=True):
            torch.testing.assert_close(ours.double(), true, atol=1e-6, rtol=1e-6)


def test_nothing_drifts_in_100_000_steps() -> None:
    """Reflections, without decay: what a step loses is lost for ever, and a chunk's system is at its worst."""
    steps = 100_000
    torch.manual_seed(0)
    q, v, state = (torch.zeros(shape) for shape in [(1, steps, 1, K), (1, steps, 1, V), (1, 1, K, V)])
    k, state[..., :, 0] = F.normalize(torch.randn(1, steps, 1, K), dim=-1), 1
    parts = q, k, v, torch.full((1, steps, 1), 2.0), torch.zeros(1, steps, 1), state
    (_, end), (_, true) = delta_scan(*parts), delta_scan(*(part.double() for part in parts))
    assert (end - true).norm() < 2e-4 * true.norm()
    assert abs(true.norm() / state.norm() - 1) < 1e-3  # what keys of float32 are not of length 1


@pytest.mark.parametrize("scan", [delta_scan, decay_scan])
def test_memory_is_linear(scan: Any) -> None:
    """What is kept for the gradient is a few chunk lengths, and K V / 16 numbers, a step."""
    counts = []
    for steps in (160, 1600):
        kept: dict[int, int] = {}

        def keep(tensor: Tensor, kept: dict[int, int] = kept) -> Tensor:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes() // tensor.element_size()
            return tensor

        parts = inputs(steps)
        with saved_tensors_hooks(keep, lambda tensor: tensor):
            scan(*(parts if scan is delta_scan else [*parts[:3], *parts[4:]]))
        counts.append(sum(kept.values()))
    assert counts[1] < 11 * counts[0]
    assert counts[1] < 1600 * B * H * (12 * 16 + 12 * (K + V) + K * (K + V))


def test_half_precision_is_of_the_state_alone() -> None:
    parts = [tensor.detach().bfloat16() for tensor in inputs(40)]
    y, end = delta_scan(*parts)
    true, true_end = delta_loop(*(tensor.double() for tensor in parts))
    assert (y.dtype, end.dtype) == (torch.float32, torch.bfloat16)
    torch.testing.assert_close(y.double(), true, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(end, true_end.bfloat16(), atol=0, rtol=0.01)
    with torch.autocast("cpu", torch.bfloat16):
        again, _ = delta_scan(*parts)
    assert torch.equal(again, y)


def test_steps_forget_as_slowly_as_they_should() -> None:
    """In float32 exp(-1e-4) is off by 3e-4 of what it forgets."""
    x = torch.rand(1, 5000, 1, V, generator=torch.Generator().manual_seed(0))
    one, slow, states = torch.ones(1, 1, 1, 1), torch.full((1, 1, 1), -1e-4), []
    for dtype in (torch.float32, torch.float64):
        state = torch.zeros(1, 1, 1, V, dtype=dtype)
        for t in range(x.shape[1]):
            _, state = decay_scan(one, one, x[:, t : t + 1], slow, state)
        states.append(state.double())
    torch.testing.assert_close(*states, atol=0, rtol=2e-5)
