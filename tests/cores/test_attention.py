"""Sliding-window attention against its equations, over any split of a stream, and its arguments."""

from functools import partial

import pytest
import torch
from torch import Tensor

from seqmodels.cores.attention import Attention
from seqmodels.cores.base import State
from seqmodels.cores.stack import Stack

D, HEADS = 8, 2
WINDOWS = [2, 5, 64, 128]


def layer(window: int, dtype: torch.dtype = torch.float64) -> Attention:
    torch.manual_seed(1)
    return Attention(D, HEADS, window, base=100.0).to(dtype)


def signal(b: int, t: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(b, t, D, dtype=dtype, generator=torch.Generator().manual_seed(5))


def plain(core: Attention, x: Tensor, state: State) -> Tensor:
    """The equations with a (T, T) matrix and positions that grow, each row of the batch by itself."""
    rows = []
    for x_row, memory, count in zip(x, *state, strict=True):
        q, k, v = (x_row @ core.qkv.weight.T).chunk(3, -1)
        old_k, old_v = memory[core.window - count :].chunk(2, -1)
        k, v = torch.cat([old_k, k]), torch.cat([old_v, v])
        key, query = torch.arange(len(k)), torch.arange(count, len(k))[:, None]
        outside = (key > query) | (key <= query - core.window)
        heads = zip(*(tensor.chunk(HEADS, -1) for tensor in (q, k, v)), strict=True)
        y = [_one_head(core.base, q, k, v, query, key, outside) for q, k, v in heads]
        rows.append(torch.cat(y, -1) @ core.out.weight.T)
    return torch.stack(rows)


def _one_head(base: float, q: Tensor, k: Tensor, v: Tensor, query: Tensor, key: Tensor, outside: Tensor) -> Tensor:
    d = q.shape[1]
    speeds = base ** (-2 * torch.arange(d // 2, dtype=torch.float64) / d)
    # A pair as a complex number, which a rotation multiplies by exp(i angle).
    q, k = (torch.complex(*tensor.chunk(2, -1)) for tensor in (q, k))
    q, k = q * torch.exp(1j * query * speeds), k * torch.exp(1j * key[:, None] * speeds)
    scores = (q @ k.conj().T).real / d**0.5
    return scores.masked_fill(outside, float("-inf")).softmax(-1) @ v


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("t", [1, 2, 127, 128, 129, 300])
def test_it_is_the_equations(window: int, t: int) -> None:
    """Rows that have seen nothing, little, and more than they can hold."""
    core, x = layer(window), signal(4, t).requires_grad_()
    memory = torch.randn(4, window, 2 * D, dtype=torch.float64, requires_grad=True)
    state = memory, torch.tensor([0, 1, window - 1, window])
    (found, end), expected = core(x, state), plain(core, x, state)
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=1e-10)
    assert end[1].tolist() == [min(count + t, window) for count in state[1].tolist()]
    inputs, direction = [x, memory, *core.parameters()], torch.randn_like(found)
    pairs = zip(*(torch.autograd.grad(y, inputs, direction) for y in (found, expected)), strict=True)
    for mine, theirs in pairs:
        torch.testing.assert_close(mine, theirs, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
@pytest.mark.parametrize("window", WINDOWS)
def test_streams_that_start_anew_in_any_split(window: int, dtype: torch.dtype, tolerance: float) -> None:
    """Pieces shorter and longer than the window; a row that starts anew is a row of its own."""
    core, x = layer(window, dtype), signal(3, 200, dtype)
    pieces, state, found = [1, 1, 3, 70, 1, 64, 60], core.initial_state(3), []
    starts = {5: 0, 75: 1, 76: 2, 140: 1}  # step: row
    begun, expected = [0, 0, 0], torch.empty(3, 200, D, dtype=dtype)
    for step, piece in zip([0, 1, 2, 5, 75, 76, 140], x.split(pieces, 1), strict=True):
        if step in starts:
            state = core.reset_rows(state, torch.arange(3) == starts[step])
            begun[starts[step]] = step
        y, state = core(piece, state)
        found.append(y)
        for row in range(3):
            end = step + piece.shape[1]
            expected[row, step:end] = core(x[row : row + 1, begun[row] : end])[0][0, step - begun[row] :]
    torch.testing.assert_close(torch.cat(found, 1), expected, atol=tolerance, rtol=tolerance)
    assert state[1].tolist() == [min(200 - start, window) for start in begun]


def test_what_was_never_there_is_never_read() -> None:
    core, count = layer(5), torch.tensor([0, 2, 4, 5])
    memory = torch.randn(4, 5, 2 * D, dtype=torch.float64)
    spoilt = memory.masked_fill((torch.arange(5) < 5 - count[:, None])[..., None], 1e30)
    for t in (1, 3, 5, 17):
        x = signal(4, t)
        torch.testing.assert_close(core(x, (spoilt, count))[0], core(x, (memory, count))[0], atol=0, rtol=0)


@pytest.mark.slow
def test_a_million_steps_later_it_is_what_it_was() -> None:
    """In float32, which rounds an angle of 10^6 by up to 0.03; a (T, T) matrix of these windows would take 40 GB."""
    core, x, state = layer(16, torch.float32), signal(1, 16, torch.float32), None
    with torch.no_grad():
        for _ in range(10):
            _, state = core(torch.randn(1, 100_000, D), state)
        window, _ = core(x, state)
        steps = []
        for x_t in x.split(1, 1):
            y, state = core(x_t, state)
            steps.append(y)
        start, fresh = core(x)
    for late in (window, torch.cat(steps, 1)):
        torch.testing.assert_close(late[:, -1], start[:, -1], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(state, fresh, atol=1e-5, rtol=1e-5)


def test_angles_are_those_of_the_precision_in_use() -> None:
    assert torch.equal(layer(5).float().double().turns, layer(5).turns)
    assert torch.equal(layer(5).float().turns, layer(5).turns.float())
    assert "turns" not in layer(5).state_dict()


def test_mixed_precision_keeps_the_state_as_it_is() -> None:
    core, x = layer(8, torch.float32), signal(2, 40, torch.float32)
    y, _ = core(x)
    with torch.autocast("cpu", torch.bfloat16):
        first, state = core(x[:, :39])
        last, (memory, _) = core(x[:, 39:], state)
    assert memory.dtype == torch.float32
    torch.testing.assert_close(torch.cat([first, last], 1).float(), y, atol=0.02, rtol=0.02)


def test_parameters_and_state_are_those_of_the_architecture() -> None:
    core, h = Attention(64), 64
    assert sum(p.numel() for p in core.parameters()) == 4 * h**2
    stack = Stack(1, partial(Attention, num_heads=2), hidden_size=h, num_layers=3, mixer="mlp")
    block = 12 * h**2 + 5 * h + 4 * h  # weights of attention and MLP, biases of the MLP, two norms
    assert sum(p.numel() for p in stack.parameters()) == 2 * h + 3 * block + 2 * h
    memory, count = core.initial_state(3)
    assert (memory.shape, count.shape, count.dtype) == ((3, 128, 2 * h), (3,), torch.int64)
    memory, _ = core(torch.randn(3, 500, h))[1]
    assert memory.untyped_storage().nbytes() == 4 * memory.numel()  # no view of the whole window


@pytest.mark.parametrize(
    ("wrong", "remedy"),
    [
        ({"num_heads": 3}, "multiple of 6"),
        ({"num_heads": 8}, "multiple of 16"),  # heads of one number
        ({"num_heads": 0}, "another number of heads"),
        ({"window": 1}, "at least 2"),
        ({"base": 1.0}, "above 1"),
    ],
)
def test_wrong_arguments_are_named(wrong: dict, remedy: str) -> None:
    name, value = next(iter(wrong.items()))
    with pytest.raises(ValueError, match=f"^{name}={value} .*{remedy}"):
        Attention(D, **wrong)
