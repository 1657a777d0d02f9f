"""IndRNN against a plain time loop, and what holds its recurrent weights."""

from functools import partial

import pytest
import torch
from torch import Tensor

from seqmodels.cores.indrnn import IndRNN, _Recurrence
from seqmodels.cores.stack import Stack


def loop(core: IndRNN, x: Tensor, h: Tensor) -> Tensor:
    """Li et al. 2018, equation 4."""
    states = []
    for t in range(x.shape[1]):
        h = torch.relu(x[:, t] @ core.input.weight.T + core.u * h + core.input.bias)
        states.append(h)
    return torch.stack(states, 1)


def trained(width: int, **arguments: object) -> IndRNN:
    """With weights of a size that training gives, negative u among them."""
    torch.manual_seed(2)
    core = IndRNN(width, **arguments).double()
    with torch.no_grad():
        core.input.weight.normal_()
        core.input.bias.normal_()
        core.u.uniform_(-core.bound, core.bound)
    return core


@pytest.mark.parametrize("b", [1, 5])
@pytest.mark.parametrize("t", [1, 2, 127, 128, 129, 300])
def test_it_is_the_loop_and_so_are_its_gradients(b: int, t: int) -> None:
    core = trained(4, expand=1.5, max_steps=50)
    x, h = torch.randn(b, t, 4, dtype=torch.float64), torch.rand(b, 6, dtype=torch.float64)
    leaves = [*core.parameters(), x.requires_grad_(), h.requires_grad_()]
    (y, (end,)), expected = core(x, (h,)), loop(core, x, h)
    weights = torch.randn_like(y)
    for mine, theirs in (
        (y, expected),
        (end, expected[:, -1]),
        *zip(
            torch.autograd.grad((y * weights).sum() + end.square().sum(), leaves),
            torch.autograd.grad((expected * weights).sum() + expected[:, -1].square().sum(), leaves),
            strict=True,
        ),
    ):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-10)


def test_gradients_are_those_of_finite_differences() -> None:
    torch.manual_seed(0)
    drive, u, h0 = (torch.randn(*shape, dtype=torch.float64).requires_grad_() for shape in ((3, 7, 5), (5,), (3, 5)))
    reset = torch.zeros(3, 7, dtype=torch.bool)
    reset[0, [0, 4]] = reset[1, 6] = True
    for given in (None, reset):
        assert torch.autograd.gradcheck(_Recurrence.apply, (drive, u, h0, given))


@pytest.mark.parametrize(("max_steps", "bound"), [(None, 1.0), (1, 2.0), (784, 2 ** (1 / 784))])
def test_it_begins_as_in_the_paper(max_steps: int | None, bound: float) -> None:
    torch.manual_seed(0)
    core = IndRNN(1000, max_steps=max_steps)
    assert not core.input.bias.any()
    assert 0 <= core.u.min() < 0.01
    assert 0.99 * bound < core.u.max() <= bound
    long = IndRNN(1000, max_steps=max_steps, long_memory=True).u
    assert long.min().item() == pytest.approx(1 / bound, rel=0.01)
    assert long.max().item() == pytest.approx(bound, rel=0.01)


def test_the_recurrent_weights_come_back_to_their_bound() -> None:
    """A step beyond it is undone before the next window, so that one step back is a step away from the bound."""
    core = IndRNN(4, max_steps=10)
    optimizer = torch.optim.SGD([core.u], lr=1.0)
    bound = torch.tensor(core.bound)
    for push, expected in ((-5.0, bound), (-5.0, bound), (0.25, bound - 0.25)):
        core.u.grad = torch.full((4,), push)
        optimizer.step()
        core(torch.ones(2, 3, 4))
        torch.testing.assert_close(core.u.detach(), expected.expand(4))
    core.u.data.fill_(7.0)
    y, _ = core.eval()(torch.zeros(1, 2, 4), (torch.ones(1, 4),))
    torch.testing.assert_close(y[0, 1], bound.square().expand(4))
    assert core.u.eq(7.0).all()  # reading alone changes no weight


def test_a_weight_at_its_bound_still_learns() -> None:
    core = IndRNN(3, max_steps=784)  # whose bound is not a number of float32
    core.u.data.fill_(9.0)
    core(torch.zeros(2, 5, 3), (torch.ones(2, 3),))[0].sum().backward()
    assert core.u.grad is not None
    assert core.u.grad.all()


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # Dynamo looks at it
@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_two_windows_may_be_read_before_one_step_goes_backward(compiled: bool) -> None:
    torch.manual_seed(0)
    core, x = IndRNN(3, expand=4, max_steps=5), torch.rand(2, 10, 3)
    core.u.data.fill_(9.0)
    whole = torch.autograd.grad(core(x)[0].sum(), list(core.parameters()))
    if compiled:
        core.compile()
    core.u.data.fill_(9.0)
    y, state = core(x[:, :5])
    z, _ = core(x[:, 5:], state)
    for mine, theirs in zip(torch.autograd.grad(y.sum() + z.sum(), list(core.parameters())), whole, strict=True):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("expand", [1, 2, 0.5])
def test_the_number_of_parameters(expand: float) -> None:
    units = int(expand * 6)
    assert sum(p.numel() for p in IndRNN(6, expand=expand).parameters()) == 6 * units + 2 * units


def test_bfloat16_leaves_the_state_in_float32() -> None:
    core = Stack(3, partial(IndRNN, expand=2), hidden_size=8)
    with torch.autocast("cpu", torch.bfloat16):
        y, (h,) = core(torch.randn(2, 5, 3))
        _, (h_step,) = core(torch.randn(2, 1, 3), (h,))
        y.float().sum().backward()
    assert h.dtype == h_step.dtype == torch.float32


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"expand": 0.1}, "^expand=0.1 leaves no unit of 3; give a larger number"),
        ({"expand": -1}, "^expand=-1 leaves no unit"),
        ({"max_steps": 0}, "^max_steps=0 is too small; give an integer of at least 1"),
    ],
)
def test_wrong_arguments_are_named(wrong: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        IndRNN(3, **wrong)
