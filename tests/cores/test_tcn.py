"""The temporal convolutional network against its equations, and its arguments."""

import math
from collections import deque

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from seqmodels.cores.base import State
from seqmodels.cores.tcn import TCN


def network(**settings: int | float) -> TCN:
    torch.manual_seed(1)
    core = TCN(**{"input_size": 2, "hidden_size": 5, "num_layers": 3, "kernel_size": 3, **settings}).double()
    for name, parameter in core.named_parameters():
        if name.endswith(".g"):  # not the norm of v, with which it begins
            nn.init.uniform_(parameter, 0.5, 2)
    return core


def loop(core: TCN, x: Tensor, state: State) -> Tensor:
    """One step after the other: each convolution a sum over its taps, read from a list of all inputs so far."""
    memories = [deque(tail.unbind(1), maxlen=tail.shape[1] + 1) for tail in state]
    outputs = []
    for x_t in x.unbind(1):
        h, following = x_t, iter(memories)
        for level, block in enumerate(core.blocks):
            before = h
            for convolution in (block.first, block.second):
                memory = next(following)
                memory.append(h)
                w = convolution.g * convolution.v / convolution.v.norm(dim=1, keepdim=True)
                taps = list(memory)[:: 2**level]
                pairs = zip(taps, w.chunk(core.kernel_size, 1), strict=True)
                h = (convolution.bias + sum(tap @ w_tap.T for tap, w_tap in pairs)).clamp(min=0)
            h = (block.skip(before) + h).clamp(min=0)
        outputs.append(h)
    return torch.stack(outputs, 1)


@pytest.mark.parametrize("t", [1, 2, 127, 128, 129, 300])
def test_it_is_the_equations_step_by_step(t: int) -> None:
    core, x = network(), torch.randn(2, t, 2, dtype=torch.float64, requires_grad=True)
    state = tuple(torch.randn_like(tail).requires_grad_() for tail in core.initial_state(2))
    inputs = [x, *state, *core.parameters()]
    found, expected = core(x, state)[0], loop(core, x, state)
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=1e-10)
    direction = torch.randn_like(found)
    pairs = zip(*(torch.autograd.grad(y, inputs, direction) for y in (found, expected)), strict=True)
    for mine, theirs in pairs:
        torch.testing.assert_close(mine, theirs, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize(("kernel_size", "inputs"), [(2, 5), (3, 2), (7, 2)])
def test_it_is_the_paper_s_network_of_torch_s_layers(kernel_size: int, inputs: int) -> None:
    """Padded at both ends and cut on the right, as the paper's figure draws it."""
    core = network(kernel_size=kernel_size, input_size=inputs)
    x = torch.randn(2, 50, inputs, dtype=torch.float64)
    h = x.transpose(1, 2)
    for level, block in enumerate(core.blocks):
        before = h if h.shape[1] == 5 else block.skip(h.transpose(1, 2)).transpose(1, 2)
        for mine in (block.first, block.second):
            layer = nn.Conv1d(h.shape[1], 5, kernel_size, padding=(kernel_size - 1) * 2**level, dilation=2**level)
            layer = weight_norm(layer.double())
            weight = layer.parametrizations.weight
            weight.original0.data = mine.g.data.view(-1, 1, 1)
            weight.original1.data = mine.v.data.view(5, kernel_size, -1).transpose(1, 2)
            layer.bias.data = mine.bias.data
            h = layer(h)[..., : x.shape[1]].relu()
        h = (before + h).relu()
    torch.testing.assert_close(core(x)[0], h.transpose(1, 2), atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("settings", [(1, 2), (3, 3), (4, 2), (2, 7)])
def test_it_sees_its_receptive_field_and_no_step_more(settings: tuple[int, int]) -> None:
    layers, kernel_size = settings
    core = network(num_layers=layers, kernel_size=kernel_size)
    for parameter in core.parameters():
        parameter.data.abs_()  # so that no unit is silent
    x = torch.rand(1, core.receptive_field + 10, 2, dtype=torch.float64, requires_grad=True)
    core(x)[0][:, -1].sum().backward()
    seen = x.grad.ne(0).any(-1)[0].tolist()
    assert seen == [False] * 10 + [True] * core.receptive_field
    assert core.receptive_field == 1 + 2 * (kernel_size - 1) * sum(2**level for level in range(layers))


def test_parameters_and_state_are_those_of_the_architecture() -> None:
    d, h, n, k = 2, 25, 8, 7
    core = TCN(d, h, n, k)
    first, others = k * d * h + k * h * h + (d + 1) * h, 2 * k * h * h
    assert sum(p.numel() for p in core.parameters()) == first + (n - 1) * others + 2 * n * 2 * h  # g and b
    shapes = [tuple(tail.shape) for tail in core.initial_state(3)]
    assert shapes == [(3, (k - 1) * 2 ** (i // 2), h if i else d) for i in range(2 * n)]
    ends = core(torch.randn(3, 500, d))[1]
    assert all(end.untyped_storage().nbytes() == 4 * end.numel() for end in ends)  # no view of the whole window


def test_it_begins_as_torch_s_convolutions_do() -> None:
    torch.manual_seed(0)
    for block, inputs in zip(TCN(32, 64, num_layers=2, kernel_size=3).blocks, (32, 64), strict=True):
        for convolution, fan_in in ((block.first, 3 * inputs), (block.second, 3 * 64)):
            limit = 1 / math.sqrt(fan_in)
            v = convolution.v.detach()
            assert 0.98 * limit < v.abs().max() <= limit
            assert v.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.05)
            torch.testing.assert_close(convolution.g, v.norm(dim=1, keepdim=True))
            assert convolution.bias.abs().max() <= limit


def test_dropout_takes_whole_channels_in_training_alone() -> None:
    core = network(hidden_size=100, dropout=0.4)
    h = torch.rand(3, 20, 100, dtype=torch.float64) + 1
    dropped = core.train().blocks[1]._active(h)
    gone = (dropped == 0).all(1)
    assert 0.3 < gone.double().mean() < 0.5
    torch.testing.assert_close(dropped, h / 0.6 * ~gone[:, None])
    assert torch.equal(core.eval().blocks[1]._active(h), h)


def test_mixed_precision_keeps_the_state_as_it_is() -> None:
    core, x = network().float(), torch.randn(2, 40, 2)
    y, _ = core(x)
    with torch.autocast("cpu", torch.bfloat16):
        first, state = core(x[:, :39])
        last, state = core(x[:, 39:], state)
    assert {tail.dtype for tail in state} == {torch.float32}
    torch.testing.assert_close(torch.cat([first, last], 1).float(), y, atol=0.05, rtol=0.05)


@pytest.mark.parametrize(
    "wrong", [{"input_size": 0}, {"hidden_size": 0}, {"num_layers": 0}, {"kernel_size": 1}, {"dropout": 1.0}]
)
def test_wrong_arguments_are_named(wrong: dict) -> None:
    name, value = next(iter(wrong.items()))
    with pytest.raises(ValueError, match=f"^{name}={value} .*(give|probability)"):
        TCN(**{"input_size": 3, **wrong})
