"""What a stack adds to its layers: any core made deep, sizes, places of the state, and what it refuses."""

from functools import partial

import pytest
import torch
from torch import Tensor, nn

from seqmodels.cores.base import State
from seqmodels.cores.initial_state import LearnedInitialState
from seqmodels.cores.lru import LRU
from seqmodels.cores.recurrent import GRU, LSTM
from seqmodels.cores.stack import Stack

H = 8


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def read(core: Stack, x: Tensor, pieces: list[int]) -> tuple[Tensor, State]:
    state, parts = None, []
    for part in x.split(pieces, 1):
        y, state = core(part, state)
        parts.append(y)
    assert state is not None
    return torch.cat(parts, 1), state


@pytest.mark.parametrize("norm", ["layer", "rms", "none"])
@pytest.mark.parametrize("mixer", ["glu", "mlp", "none"])
def test_any_core_can_be_made_deep(mixer: str, norm: str) -> None:
    torch.manual_seed(0)
    core = Stack(3, partial(LSTM, hidden_size=H), H, num_layers=3, norm=norm, mixer=mixer).double().eval()  # type: ignore[arg-type]
    x = torch.randn(4, 50, 3, dtype=torch.float64)
    whole, end = core(x)
    assert [tensor.shape for tensor in end] == [(4, 1, H)] * 6
    for pieces in ([50], [1] * 50, [7, 30, 13]):
        y, state = read(core, x, pieces)
        torch.testing.assert_close(y, whole, atol=1e-10, rtol=1e-10)
        torch.testing.assert_close(state, end, atol=1e-10, rtol=1e-10)


def test_the_state_is_that_of_the_layers_in_their_order() -> None:
    torch.manual_seed(0)
    core = Stack(3, LRU, H, num_layers=2, norm="none", mixer="none").eval()
    x = torch.randn(2, 9, 3)
    first, second = (block.layer for block in core.blocks)
    h = core.encoder(x)
    y, end_of_first = first(h)
    z, end_of_second = second(h + y)
    out, state = core(x)
    torch.testing.assert_close(state, (*end_of_first, *end_of_second), atol=0, rtol=0)
    torch.testing.assert_close(out, h + y + z, atol=0, rtol=0)


def test_a_layer_may_have_an_initial_state_of_its_own() -> None:
    """Resetting a row asks each layer, not a row of zeros."""

    def learned(input_size: int) -> LearnedInitialState:
        layer = LearnedInitialState(GRU(input_size, H))
        nn.init.uniform_(layer.initial_0)
        return layer

    core = Stack(3, learned, H, num_layers=2)
    _, state = core(torch.randn(2, 5, 3))
    fresh = core.reset_rows(state, torch.tensor([True, False]))
    for new, old, block in zip(fresh, state, core.blocks, strict=True):
        assert torch.equal(new[0], block.layer.initial_0[0])
        assert torch.equal(new[1], old[1])


@pytest.mark.parametrize(
    ("mixer", "extra"),
    [("glu", 2 * H * (5 + 1)), ("mlp", 2 * H + 4 * H * (H + 1) + H * (4 * H + 1)), ("none", 0)],
)
def test_parameters(mixer: str, extra: int) -> None:
    width = 5 if mixer == "glu" else H  # only a GLU takes a layer of another width
    core = Stack(3, partial(GRU, hidden_size=width), H, num_layers=2, mixer=mixer)  # type: ignore[arg-type]
    assert count(core) == H * (3 + 1) + 2 * (2 * H + count(GRU(H, width)) + extra) + 2 * H


def test_dropout_is_for_training_alone() -> None:
    core = Stack(3, LRU, H, dropout=0.5)
    x = torch.randn(2, 9, 3)
    assert not torch.equal(core(x)[0], core(x)[0])
    core.eval()
    assert torch.equal(core(x)[0], core(x)[0])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"hidden_size": 0}, "hidden_size=0 is too small"),
        ({"num_layers": 0}, "num_layers=0 is too small"),
        ({"dropout": 1.0}, "dropout=1.0 is outside"),
        ({"norm": "batch"}, "norm=batch is not known; choose layer, rms or none"),
        ({"mixer": "conv"}, "mixer=conv is not known; choose glu, mlp or none"),
        (
            {"mixer": "mlp", "layer": partial(GRU, hidden_size=5)},
            "mixer='mlp' adds what the layer puts out, 5 wide, to 8",
        ),
    ],
)
def test_bad_arguments(words: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Stack(3, **{"layer": LRU, "hidden_size": H} | words)  # type: ignore[arg-type]
