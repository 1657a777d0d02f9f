"""PD-SSM against a plain loop over time, written from the paper, with whole matrices and its straight-through rule."""

import math
from collections.abc import Iterable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from seqmodels.cores import pd_ssm
from seqmodels.cores.pd_ssm import PDSSM

H, N, K, U = 4, 6, 3, 5


def small() -> PDSSM:
    torch.manual_seed(1)
    core = PDSSM(H, state_size=N, dictionary_size=K, mlp_units=U).double()
    with torch.no_grad():
        for parameter in core.parameters():
            parameter.normal_()
    return core


def plain_loop(core: PDSSM, x: Tensor, h: Tensor, starts: Iterable[int] = ()) -> tuple[Tensor, Tensor]:
    """Equations 1 to 5 and the recurrence; softmax takes the place of hardmax in the gradient alone."""
    h, outputs = torch.view_as_complex(h), []
    dictionary = core.M.mT  # M_k, whose columns are the last axis
    for t, u in enumerate(x.unbind(1)):
        h = h * 0 + F.one_hot(torch.tensor(0), N) if t in starts else h
        shares = F.softmax(u @ core.S.T, -1)
        mixed = torch.einsum("bk,kmn->bmn", shares, dictionary)
        soft = F.softmax(mixed, 1)
        hard = F.one_hot(mixed.argmax(1), N).mT.to(soft)
        transition = soft + (hard - soft).detach()
        modulus, angle = torch.sigmoid(core.modulus(u)), 2 * math.pi * torch.sigmoid(core.angle(u))
        moved = torch.polar(modulus, angle) * h
        h = (transition.to(moved) @ moved.unsqueeze(-1)).squeeze(-1) + u.to(moved) @ torch.complex(*core.B.unbind(1)).T
        outputs.append(core.C(torch.view_as_real(h).flatten(1)) + core.D * u)
    return torch.stack(outputs, 1), torch.view_as_real(h)


@pytest.mark.parametrize("starts", [(), (0, 3)])
@pytest.mark.parametrize("steps", [1, 20])
def test_it_is_the_papers_equations(steps: int, starts: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pd_ssm, "AT_ONCE", 3 * N * N)
    core = small()
    x = torch.randn(2, steps, H, dtype=torch.float64, requires_grad=True)
    h = torch.randn(2, N, 2, dtype=torch.float64, requires_grad=True)
    reset = torch.zeros(2, steps, dtype=torch.bool)
    reset[:, [step for step in starts if step < steps]] = True
    y, (end,) = core.forward(x, (h,), reset if starts else None)
    plain, plain_end = plain_loop(core, x, h, starts)
    inputs = [x, h, *core.parameters()]
    found, expected = (
        torch.autograd.grad(out.sin().sum() + after.cos().sum(), inputs)
        for out, after in ((y, end), (plain, plain_end))
    )
    for mine, true in zip((y, end, *found), (plain, plain_end, *expected), strict=True):
        torch.testing.assert_close(mine, true, atol=1e-10, rtol=1e-10)


def test_it_can_be_any_automaton() -> None:
    """One state a number, one matrix a symbol: words of permutations, none of which another may be swapped with."""
    permutations = torch.tensor([[1, 0, 2, 3, 4], [1, 2, 3, 4, 0]])
    core = PDSSM(2, state_size=5, dictionary_size=2, mlp_units=1)
    with torch.no_grad():
        for parameter in core.parameters():
            parameter.zero_()
        core.S.copy_(100 * torch.eye(2))
        core.M.copy_(F.one_hot(permutations, 5))
        core.modulus[-1].bias.fill_(30)
        core.angle[-1].bias.fill_(-30)
    word = torch.randint(2, (300,))
    start = torch.zeros(1, 5, 2)
    start[0, 2, 0] = 1
    _, (h,) = core(F.one_hot(word, 2).float().unsqueeze(0), (start,))
    place = 2
    for symbol in word.tolist():
        place = int(permutations[symbol, place])
    torch.testing.assert_close(h[0, :, 0], F.one_hot(torch.tensor(place), 5).float())


def test_rounding_chooses_no_place() -> None:
    """In float32, of places that differ in the last digit of their numbers, a step takes those that a window does."""
    torch.manual_seed(0)
    core = PDSSM(16, state_size=16)
    with torch.no_grad():
        steps = torch.randint(-2, 3, core.M.shape)
        core.M.copy_(core.M[..., :1] * (1 + 2.0**-23 * steps))
    x = torch.randn(4, 50, 16)
    y, _ = core(x)
    state, outputs = None, []
    for step in x.split(1, 1):
        out, state = core(step, state)
        outputs.append(out)
    torch.testing.assert_close(torch.cat(outputs, 1), y, atol=1e-5, rtol=1e-5)


def test_parameters() -> None:
    count = sum(p.numel() for p in small().parameters())
    assert count == K * (H + N * N) + 2 * (U * (H + 1) + N * (U + 1)) + 2 * N * H + H * (2 * N + 1) + H


def test_under_autocast_it_stays_in_float32() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        for steps in (1, 9):
            y, (h,) = PDSSM(H, state_size=N)(torch.randn(2, steps, H))
            assert (h.dtype, y.dtype) == (torch.float32, torch.float32)


@pytest.mark.parametrize("name", ["state_size", "dictionary_size", "mlp_units"])
def test_nothing_of_a_size_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name}=0 is too small"):
        PDSSM(H, **{name: 0})
