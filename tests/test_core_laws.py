"""The laws of `seqmodels.cores.base`, for every YAML in conf/core/. A new core is tested by adding its YAML."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from torch import Tensor

from seqmodels.cores.base import Core, State, batch_size, detach
from seqmodels.cores.differencing import Differencing
from seqmodels.cores.initial_state import LearnedInitialState
from seqmodels.cores.recurrent import LSTM
from tests.conftest import core_config, options

D = 3
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}
LEARNED = ["learned gru", "learned lstm"]  # wrapped, with an initial state of its own
VARIANTS = ["lstm_orthogonal", "lstm_tf", "rnn_tf"]  # other initial weights of a core that is tried as well
CORES = [*options("core"), *LEARNED]
SELECTION = [(1, 1, 1), (5, 7, 2), (64, 7, 1), (2, 300, 2)]
ALL = list(itertools.product([1, 2, 5, 64], [1, 7, 300], [1, 2]))
CASES = [  # each value of B, T and layers in the default run, all combinations with -m slow
    pytest.param(name, *size, marks=[] if size in SELECTION else pytest.mark.slow)
    for name in CORES
    for size in (SELECTION if name in VARIANTS else ALL)
]

at_all_sizes = pytest.mark.parametrize(("name", "b", "t", "layers"), CASES)
every_core = pytest.mark.parametrize("name", CORES)


def make_core(name: str, layers: int = 1, dtype: torch.dtype = torch.float64) -> Core:
    torch.manual_seed(3)
    config = core_config(name.removeprefix("learned "))
    sizes = {"num_layers": layers} if "num_layers" in config else {}
    core = instantiate(config, **sizes)(input_size=D)
    if name.startswith("learned "):
        core = LearnedInitialState(core)
        for parameter in core.parameters(recurse=False):
            torch.nn.init.uniform_(parameter, -1, 1)
    return core.to(dtype).eval()


def signal(b: int, t: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(b, t, D, dtype=dtype, generator=torch.Generator().manual_seed(5))


def assert_same(a: Tensor | State, b: Tensor | State, dtype: torch.dtype) -> None:
    tolerance = TOLERANCE[dtype]
    for left, right in zip(a, b, strict=True) if isinstance(a, tuple) else [(a, b)]:
        torch.testing.assert_close(left, right, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@at_all_sizes
def test_reading_in_pieces_is_reading_at_once(name: str, b: int, t: int, layers: int, dtype: torch.dtype) -> None:
    core, x = make_core(name, layers, dtype), signal(b, t, dtype)
    whole, end = core(x)
    assert whole.shape == (b, t, core.output_size)
    for pieces in ([t], [1] * min(t, 5) + [t - 5] * (t > 5), [t // 2, t - t // 2] if t > 1 else [1]):
        state, parts = None, []
        for part in x.split(pieces, dim=1):
            y, state = core(part, state)
            parts.append(y)
        assert_same(torch.cat(parts, 1), whole, dtype)
        assert_same(state, end, dtype)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@at_all_sizes
def test_a_window_is_its_steps(name: str, b: int, t: int, layers: int, dtype: torch.dtype) -> None:
    core, x = make_core(name, layers, dtype), signal(b, t, dtype)
    state, steps = core.initial_state(b), []
    for step in range(t):
        y, state = core(x[:, step : step + 1], state)
        steps.append(y)
    assert_same(torch.cat(steps, 1), core(x)[0], dtype)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@at_all_sizes
def test_rows_do_not_meet(name: str, b: int, t: int, layers: int, dtype: torch.dtype) -> None:
    core, x = make_core(name, layers, dtype), signal(b, t, dtype)
    order = torch.randperm(b, generator=torch.Generator().manual_seed(1))
    y, state = core(x)
    y_permuted, state_permuted = core(x[order])
    assert_same(y_permuted, y[order], dtype)
    assert_same(state_permuted, tuple(tensor[order] for tensor in state), dtype)


@at_all_sizes
def test_the_future_has_no_influence(name: str, b: int, t: int, layers: int) -> None:
    core, x = make_core(name, layers), signal(b, t)
    half = t // 2
    other = x.clone()
    other[:, half:] += 1
    assert_same(core(other)[0][:, :half], core(x)[0][:, :half], torch.float64)
    assert not torch.allclose(core(other)[0][:, half:], core(x)[0][:, half:])


@at_all_sizes
def test_the_state_is_batch_first_and_starts_where_none_starts(name: str, b: int, t: int, layers: int) -> None:
    core, x = make_core(name, layers), signal(b, t)
    state = core.initial_state(b)
    assert all(tensor.shape[0] == b for tensor in state)
    assert batch_size(state) == b
    torch.testing.assert_close(core(x, state), core(x, None), atol=0, rtol=0)
    assert [s.shape for s in core(x)[1]] == [s.shape for s in state]


def wrapped(name: str, layers: int) -> Core:
    """A core, or one that reads the changes of its input."""
    return Differencing(make_core("gru", layers)) if name == "differencing" else make_core(name, layers)


@pytest.mark.parametrize("name", [*CORES, "differencing"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("t", [1, 2, 50])
def test_a_state_owns_its_memory(name: str, layers: int, t: int) -> None:
    """Else 100,000 steps stay in memory, and go into a file, for the sake of the last."""
    core, x = wrapped(name, layers), signal(2, t)
    y, end = core(x)
    for state, others in ((end, [x, y]), (core.initial_state(2), [*core.parameters()])):
        for tensor in state:
            assert tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
        places = [tensor.untyped_storage().data_ptr() for tensor in [*state, *others]]
        assert len({*places[: len(state)]} - {*places[len(state) :]}) == len(state)


@pytest.mark.parametrize("name", [*CORES, "differencing"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize(("b", "t"), [(2, 0), (0, 0), (0, 1), (0, 5)])
def test_reading_nothing_changes_nothing(name: str, layers: int, b: int, t: int) -> None:
    core = wrapped(name, layers)
    for before in (tuple(tensor[:b] for tensor in core(signal(2, 3))[1]), None):
        y, after = core(signal(b, t), before)
        assert y.shape == (b, t, core.output_size)
        torch.testing.assert_close(after, core.initial_state(b) if before is None else before, atol=0, rtol=0)


@every_core
def test_an_initial_state_that_is_fixed_has_no_gradient(name: str) -> None:
    core = make_core(name, 1)
    assert not (core.initial_state_is_fixed and any(tensor.requires_grad for tensor in core.initial_state(2)))


def test_an_initial_state_of_ones_own_is_not_taken_for_fixed() -> None:
    class Learned(LSTM):
        def initial_state(self, *place: Any) -> State:
            return tuple(tensor.requires_grad_() for tensor in super().initial_state(*place))

    core, nobody = Learned(3, 4), torch.zeros(2, dtype=torch.bool)
    _, state = core(torch.zeros(2, 5, 3))
    assert LSTM.initial_state_is_fixed
    assert all(a is b for a, b in zip(state, LSTM(3, 4).reset_rows(state, nobody), strict=True))
    assert all(a is not b for a, b in zip(state, core.reset_rows(state, nobody), strict=True))


@every_core
@pytest.mark.parametrize("layers", [1, 2])
def test_reset_rows_touches_those_rows_alone(name: str, layers: int) -> None:
    core = make_core(name, layers)
    _, state = core(signal(5, 7))
    rows = torch.tensor([False, True, False, True, False])
    spoilt = tuple(tensor.detach().clone() for tensor in state)
    for tensor in spoilt:
        if tensor.is_floating_point():
            tensor[rows] = float("nan")
    fresh = core.initial_state(5)
    for before, after, start in zip(spoilt, core.reset_rows(spoilt, rows), fresh, strict=True):
        assert torch.equal(after[~rows], before[~rows])
        assert torch.equal(after[rows], start[rows])
    assert core(signal(5, 7), core.reset_rows(spoilt, rows))[0].isfinite().all()


@every_core
@pytest.mark.parametrize("layers", [1, 2])
def test_gradients_flow_through_the_carried_state_until_it_is_detached(name: str, layers: int) -> None:
    core, x = make_core(name, layers), signal(2, 30)
    parameters = [p for p in core.parameters() if p.requires_grad]

    def gradient(cut: Callable[[State], State]) -> tuple[Tensor, ...]:
        y, state = core(x[:, :13])
        last, _ = core(x[:, 13:], cut(state))
        return torch.autograd.grad(last.pow(3).sum() + y.pow(3).sum(), parameters)  # a norm holds squares constant

    whole = torch.autograd.grad(core(x)[0].pow(3).sum(), parameters)
    assert_same(gradient(lambda state: state), whole, torch.float64)
    assert any(not torch.allclose(a, b) for a, b in zip(gradient(detach), whole, strict=True))


def resets(b: int, t: int) -> Tensor:
    """(B, T): the first row begins anew at the first step and the last, the others but the last once or twice."""
    reset = torch.zeros(b, t, dtype=torch.bool)
    reset[0, [0, -1]] = True
    for row in range(1, b - 1):
        reset[row, [t // 2, min(t // 2 + row % 2, t - 1)]] = True
    return reset


RESET_CASES = [(1, 1, 1), (4, 7, 2), (3, 150, 1)]  # rows, steps, layers


@pytest.mark.parametrize("name", [*(name for name in CORES if name not in VARIANTS), "differencing"])
@pytest.mark.parametrize(("b", "t", "layers"), RESET_CASES)
def test_a_reset_inside_a_window_parts_two_sequences(name: str, b: int, t: int, layers: int) -> None:
    """Whatever the state held before, in values and in gradients."""
    core, x, reset = wrapped(name, layers), signal(b, t), resets(b, t)
    _, state = core(signal(b, 3) + 1)
    state = detach(state)
    y, end = core(x, state, reset)
    outputs, ends = [], []
    for row in range(b):
        rows, parts = tuple(tensor[row : row + 1] for tensor in state), []
        for start, stop in itertools.pairwise([0, *(reset[row, 1:].nonzero()[:, 0] + 1).tolist(), t]):
            before: State | None = None if reset[row, start] else rows
            part, rows = core(x[row : row + 1, start:stop], before)
            parts.append(part)
        outputs.append(torch.cat(parts, 1))
        ends.append(rows)
    alone, alone_end = torch.cat(outputs), tuple(torch.cat(tensors) for tensors in zip(*ends, strict=True))
    assert_same(y, alone, torch.float64)
    assert_same(end, alone_end, torch.float64)
    weights = [p for p in core.parameters() if p.requires_grad]
    losses = (
        sum((one.pow(3).sum() for one in (out, *after) if one.is_floating_point()), torch.zeros(()))
        for out, after in ((y, end), (alone, alone_end))
    )
    ours, theirs = (torch.autograd.grad(loss, weights, allow_unused=True) for loss in losses)
    for mine, true in zip(ours, theirs, strict=True):
        assert (mine is None) == (true is None)
        if mine is not None:
            torch.testing.assert_close(mine, true, atol=1e-9, rtol=1e-9)


@every_core
def test_a_reset_leaves_the_other_rows_bits_alone(name: str) -> None:
    """Those of the same call with the reset in another row."""
    core, x = make_core(name, 2, torch.float32), signal(3, 9, torch.float32)
    first, second = torch.zeros(2, 3, 9, dtype=torch.bool)
    first[0, 4] = second[1, 4] = True
    (y, end), (other, other_end) = core(x, None, first), core(x, None, second)
    assert torch.equal(y[2], other[2])
    assert all(torch.equal(a[2], b[2]) for a, b in zip(end, other_end, strict=True))
    assert torch.equal(y[0, :4], other[0, :4])
    assert not torch.equal(y[0, 4:], other[0, 4:])


@every_core
def test_a_reset_of_nobody_costs_nothing(name: str) -> None:
    core, x = make_core(name, 2), signal(3, 9)
    _, state = core(x)
    torch.testing.assert_close(core(x, state, torch.zeros(3, 9, dtype=torch.bool)), core(x, state), atol=0, rtol=0)
    nothing = torch.zeros(3, 0, dtype=torch.bool)
    assert all(a is b for a, b in zip(core(x[:, :0], state, nothing)[1], state, strict=True))


@pytest.mark.parametrize("name", [*CORES, "differencing"])
@pytest.mark.parametrize("t", [1, 9])
def test_a_time_of_one_is_no_time(name: str, t: int) -> None:
    core, x = wrapped(name, 2), signal(3, t)
    _, state = core(signal(3, 2) + 1)
    ones = torch.ones(3, t, dtype=x.dtype)
    if not core.takes_dt:
        with pytest.raises(ValueError, match=r"knows of no time .* choose a core that does .*core=lru"):
            core(x, state, None, ones)
        return
    reset = resets(3, t)
    for given in (None, reset):
        for ours, plain in zip(core(x, state, given, ones), core(x, state, given), strict=True):
            assert_same(ours, plain, torch.float64)


TIMED = [name for name in [*CORES, "learned lru"] if make_core(name).takes_dt]


@pytest.mark.parametrize("name", TIMED)
def test_a_time_of_its_own_at_every_step(name: str) -> None:
    """It matters, each row and step has its own, pieces make the whole, and a step is a window of one."""
    core, x, reset = make_core(name, 2), signal(3, 9), resets(3, 9)
    dt = torch.rand(3, 9, dtype=x.dtype, generator=torch.Generator().manual_seed(1)) * 3
    y, end = core(x, None, reset, dt)
    assert not torch.allclose(y, core(x, None, reset)[0])
    for pieces in ([1] * 9, [4, 5]):
        state, parts = None, []
        for part, begins, times in zip(*(one.split(pieces, 1) for one in (x, reset, dt)), strict=True):
            out, state = core(part, state, begins, times)
            parts.append(out)
        assert_same(torch.cat(parts, 1), y, torch.float64)
        assert_same(state, end, torch.float64)
    assert_same(core(x[1:2], None, reset[1:2], dt[1:2])[0], y[1:2], torch.float64)


EXACT_IN_TIME = ["lru", "s4d", "s5", "lin_oss"]
"""Layers that solve their equation between two steps, so that two short steps without input are a long one."""


@pytest.mark.parametrize("name", EXACT_IN_TIME)
@pytest.mark.parametrize("t", [1, 5])
def test_a_long_step_without_input_is_two_short_ones(name: str, t: int) -> None:
    layer: Any = make_core(name).blocks[0].layer  # type: ignore[union-attr, index]
    x = torch.randn(2, 3, layer.input_size, dtype=torch.float64)
    _, state = layer(x)
    nothing = x.new_zeros(2, 2 * t, layer.input_size)
    _, twice = layer(nothing, state)
    assert_same(layer(nothing[:, :t], state, None, x.new_full((2, t), 2.0))[1], twice, torch.float64)


@pytest.mark.parametrize("given", ["reset", "dt"])
def test_what_is_said_of_steps_has_their_shape(given: str) -> None:
    core, x = make_core("lru"), signal(3, 9)
    with pytest.raises(ValueError, match=rf"^{given} is \(3, 1\) where x has 3 rows of 9 steps"):
        core(x, None, **{given: torch.ones(3, 1, dtype=torch.bool)})
