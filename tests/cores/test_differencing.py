"""A core that reads changes: it equals the core on differences taken by hand, and obeys the contract of cores."""

import pytest
import torch
from torch import Tensor

from seqmodels.cores.differencing import Differencing
from seqmodels.cores.initial_state import LearnedInitialState
from tests.cores.test_initial_state import Counter
from tests.modules.test_regressor import regressor
from tests.modules.test_tbptt import by_hand as gradients_by_hand
from tests.modules.test_tbptt import sgd, step, stream
from tests.test_core_laws import D, assert_same, make_core, signal

CORES = ["rnn", "lstm", "gru", "learned lstm"]
DOUBLE = torch.float64


def by_hand(x: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(x[:, :1]), x[:, 1:] - x[:, :-1]], 1)


@pytest.mark.parametrize("name", CORES)
def test_it_is_the_core_on_differences(name: str) -> None:
    inner, x = make_core(name, layers=2), signal(5, 30)
    y, (last, begun, *end) = Differencing(inner)(x)
    expected, expected_end = inner(by_hand(x))
    assert_same(y, expected, DOUBLE)
    assert_same(tuple(end), expected_end, DOUBLE)
    assert torch.equal(last, x[:, -1])
    assert begun.tolist() == [[1]] * 5


@pytest.mark.parametrize("name", CORES)
@pytest.mark.parametrize("pieces", [[1] * 30, [13, 17], [1, 29]])
def test_reading_in_pieces_is_reading_at_once(name: str, pieces: list[int]) -> None:
    core, x = Differencing(make_core(name)), signal(5, 30)
    whole, end = core(x)
    state, parts = core.initial_state(5), []
    for part in x.split(pieces, 1):
        y, state = core(part, state)
        parts.append(y)
    assert_same(torch.cat(parts, 1), whole, DOUBLE)
    assert_same(state, end, DOUBLE)


def test_a_level_leaves_no_trace() -> None:
    core, x = Differencing(make_core("lstm")), signal(5, 30)
    assert_same(core(x + 1000)[0], core(x)[0], DOUBLE)
    assert not torch.allclose(core.core(x + 1000)[0], core.core(x)[0])


def test_a_row_that_begins_anew_forgets_its_last_input_and_no_other_row_does() -> None:
    core, x, more = Differencing(make_core("lstm")), signal(5, 7), signal(5, 4) + 3
    rows = torch.tensor([False, True, False, True, False])
    _, (last, *rest) = core(x)
    last = last.masked_fill(rows[:, None], float("nan"))  # whatever stood there is gone
    going_on, _ = core(more, core.reset_rows((last, *rest), rows))
    fresh, _ = core(more)
    whole, _ = core(torch.cat([x, more], 1))
    assert_same(going_on[rows], fresh[rows], DOUBLE)
    assert_same(going_on[~rows], whole[~rows, 7:], DOUBLE)


def test_gradients_reach_back_to_the_last_input() -> None:
    core, x = Differencing(make_core("gru")), signal(2, 9).requires_grad_()
    _, state = core(x[:, :5])
    core(x[:, 5:], state)[0].square().sum().backward()
    assert x.grad is not None
    assert x.grad[:, 4].ne(0).any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_state_has_the_dtype_that_is_asked_for(dtype: torch.dtype) -> None:
    core = Differencing(make_core("lstm", dtype=dtype))
    for state in (core.initial_state(3), core.initial_state(3, dtype=dtype), core(signal(3, 2, dtype))[1]):
        assert [tensor.dtype for tensor in state] == [dtype, torch.int64, dtype, dtype]
        assert [len(tensor) for tensor in state] == [3] * 4


def test_what_the_core_counts_is_left_to_it() -> None:
    """A core with integers in its state, wrapped, and with an initial state that is learned."""
    _, (_, begun, n, h) = Differencing(LearnedInitialState(Counter()))(torch.tensor([[[2.0], [5.0], [4.0]]]))
    assert (begun.item(), n.item(), h.item()) == (1, 8, 3)  # 5 + 3 steps; 1 + 0 + 3 - 1


@pytest.mark.parametrize(("m", "burn_in"), [(1, 0), (2, 3)])
def test_gradients_through_windows_are_those_of_the_loop_written_out(m: int, burn_in: int) -> None:
    module = regressor("gru", difference_inputs=True, backprop_windows=m, burn_in=burn_in).double()
    optimizer, windows = sgd(module), stream(9)
    ours = [step(module, optimizer, w) for w in windows]
    theirs = gradients_by_hand(regressor("gru", difference_inputs=True).double(), windows, m, burn_in)
    for mine, reference in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, reference, atol=1e-7, rtol=1e-7)  # the share that counts is a float32


def test_sizes_are_those_of_the_core() -> None:
    core = Differencing(make_core("lstm"))
    assert (core.input_size, core.output_size) == (D, core.core.output_size)
