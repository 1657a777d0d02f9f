"""The parallel scan against a plain loop: values, gradients, decays that underflow, memory."""

import pytest
import torch
from torch import Tensor
from torch._higher_order_ops.associative_scan import associative_scan

from seqmodels.cores import scan
from seqmodels.cores.base import Core
from seqmodels.cores.lru import LRU
from seqmodels.cores.s4d import S4D
from seqmodels.cores.scan import linear_scan

DTYPES = [torch.float64, torch.complex128]
STEPS = [1, 2, 3, 16, 17, 127, 128, 129, 300]
WIDTHS = {"side by side": (2, 3), "one after the other": (2, 700)}  # the second is wider than scan.WIDE


def plain_loop(a: Tensor, b: Tensor, h0: Tensor) -> Tensor:
    a, states = a.expand(-1, b.shape[1], *[-1] * (a.dim() - 2)), [h0]
    for step in range(b.shape[1]):
        states.append(a[:, step] * states[-1] + b[:, step])
    return torch.stack(states[1:], 1)


def inputs(shape: tuple[int, ...], steps: int, dtype: torch.dtype, same: bool = False) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(steps)
    batch, *rest = shape

    def draw(*size: int) -> Tensor:
        return torch.randn(*size, dtype=dtype, generator=generator).requires_grad_()

    a = draw(1, 1, *rest) if same else draw(batch, steps, *rest)
    a = (a / a.abs().clamp(min=1)).detach().requires_grad_()  # no decay beyond 1
    return a, draw(batch, steps, *rest), draw(batch, *rest)


@pytest.mark.parametrize("same", [False, True], ids=["varying", "constant"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("steps", STEPS)
def test_a_scan_is_a_loop(shape: tuple[int, ...], steps: int, dtype: torch.dtype, same: bool) -> None:
    parts = inputs(shape, steps, dtype, same)
    weights = torch.randn(shape[0], steps, *shape[1:], dtype=dtype, generator=torch.Generator().manual_seed(1))
    ours, plain = linear_scan(*parts), plain_loop(*parts)
    torch.testing.assert_close(ours, plain, atol=1e-10, rtol=1e-10)
    gradients = (torch.autograd.grad((weights.conj() * h).real.sum(), parts) for h in (ours, plain))
    for mine, true in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, true, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("same", [False, True], ids=["varying", "constant"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("wide", [1, 10**9], ids=["one after the other", "side by side"])
def test_gradients_by_differences(wide: int, dtype: torch.dtype, same: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "WIDE", wide)
    assert torch.autograd.gradcheck(linear_scan, inputs((2, 2, 2), 7, dtype, same))


@pytest.mark.parametrize("steps", [50, 4096])
def test_decays_that_underflow(steps: int) -> None:
    """Products of 0.01 are 0 in float32 after 20 steps: a form that divides by them, or takes logarithms, fails."""
    a, b, h0 = (part.detach().float() for part in inputs((2, 3), steps, torch.float64))
    a = a.abs() * 0.01
    a[:, 3] = 0
    torch.testing.assert_close(linear_scan(a, b, h0), plain_loop(a, b, h0), atol=1e-6, rtol=1e-6)


def test_long_memory_keeps_its_precision() -> None:
    a = torch.full((1, 1, 3), 0.9999, dtype=torch.float32).double()
    b = torch.randn(1, 20_000, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    h0 = torch.ones(1, 3, dtype=torch.float64)
    ours = linear_scan(a.float(), b.float(), h0.float())
    torch.testing.assert_close(ours.double(), linear_scan(a, b, h0), atol=1e-3, rtol=1e-4)


def test_dtypes_are_promoted_to_that_of_the_state() -> None:
    a, b, h0 = (part.detach() for part in inputs((2, 3), 9, torch.float64))
    h = linear_scan(a.bfloat16(), b.bfloat16(), h0.float())
    assert h.dtype == torch.float32
    torch.testing.assert_close(h, plain_loop(a.bfloat16().float(), b.bfloat16().float(), h0.float()))


@pytest.mark.parametrize("steps", [1000, 4000])
def test_memory_is_linear(steps: int) -> None:
    """What is kept for the backward pass: the decays, the states and the first one."""
    a, b, h0 = inputs((1, 64), steps, torch.float64)
    kept = 0

    def note(tensor: Tensor) -> Tensor:
        nonlocal kept
        kept += tensor.numel()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        linear_scan(a, b, h0)
    assert kept == 2 * steps * 64 + 64


def test_torchs_own_scan_agrees() -> None:
    """Its `generic` mode, from a state of zero; the default mode does not know this backend."""
    a, b, _ = inputs((2, 3), 40, torch.float64)

    def join(left: tuple[Tensor, Tensor], right: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return right[0] * left[0], right[0] * left[1] + right[1]

    _, theirs = associative_scan(join, (a, b), dim=1, combine_mode="generic")
    ours = linear_scan(a, b, torch.zeros(2, 3, dtype=torch.float64))
    torch.testing.assert_close(ours, theirs, atol=1e-10, rtol=1e-10)
    for mine, other in zip(*(torch.autograd.grad(h.square().sum(), (a, b)) for h in (ours, theirs)), strict=True):
        torch.testing.assert_close(mine, other, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("layer", [LRU, S4D])
@pytest.mark.parametrize("steps", [1, 5])
def test_complex_recurrences_refuse_rounded_weights(layer: type[Core], dtype: torch.dtype, steps: int) -> None:
    with pytest.raises(ValueError, match=f"^weights of {dtype} .* keep them in float32"):
        layer(4).to(dtype)(torch.randn(2, steps, 4, dtype=dtype))
