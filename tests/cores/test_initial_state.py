"""A learned initial state: where it starts, what teaches it, and that every weight is always in the graph."""

import pytest
import torch
from torch import Tensor, nn

from seqmodels.cores.attention import Attention
from seqmodels.cores.base import Core, State
from seqmodels.cores.initial_state import LearnedInitialState
from seqmodels.cores.recurrent import LSTM
from seqmodels.cores.stack import Stack
from seqmodels.modules.classifier import SequenceClassifier
from tests.modules.test_classifier import classifier
from tests.modules.test_regressor import regressor
from tests.modules.test_tbptt import sgd, step, stream


class Counter(Core):
    """h' = h + x, and the number of steps as an integer."""

    def __init__(self) -> None:
        super().__init__()
        self.input_size = self.output_size = 1

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return torch.full((batch_size,), 5, device=device), torch.ones(batch_size, 1, device=device, dtype=dtype)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        n, h = state or self.initial_state(len(x), x.device, x.dtype)
        y = h[:, None] + x.cumsum(1)
        return y, (n + x.shape[1], y[:, -1])


def test_it_begins_where_the_core_begins() -> None:
    core = LearnedInitialState(Counter())
    assert {name: value.tolist() for name, value in core.state_dict().items()} == {"initial_0": [5], "initial_1": [[1]]}
    assert [name for name, _ in core.named_parameters()] == ["initial_1"]
    x = torch.randn(3, 4, 1)
    assert torch.equal(core(x)[0], Counter()(x)[0])
    assert all(torch.equal(a, b) for a, b in zip(core(x)[1], Counter()(x)[1], strict=True))


def test_integers_are_reset_too() -> None:
    core = LearnedInitialState(Counter())
    core.initial_1.data.fill_(9.5)
    _, state = core(torch.zeros(3, 4, 1, dtype=torch.float64))
    n, h = core.reset_rows(state, torch.tensor([False, True, False]))
    assert (n.tolist(), h.flatten().tolist()) == ([9, 5, 9], [9.5, 9.5, 9.5])
    assert (n.dtype, h.dtype) == (torch.int64, torch.float64)


def test_a_learned_start_draws_the_same_weights() -> None:
    plain, learned = regressor(), regressor(initial_state="learned")
    for a, b in zip(plain.core.state_dict().values(), learned.core.core.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    w = stream(1, torch.float32)[0]
    assert torch.equal(plain(w.x)[0], learned(w.x)[0])


@pytest.mark.parametrize("m", [1, 3])
@pytest.mark.parametrize("core", ["rnn", "lstm", "gru", "lstm_tf"])
def test_only_fresh_streams_teach_it_and_every_weight_is_in_every_graph(core: str, m: int) -> None:
    """DDP stops where a weight has no gradient, so that one of zero is needed where no stream is fresh."""
    module = regressor(core, initial_state="learned", backprop_windows=m)
    optimizer = sgd(module)
    for i, w in enumerate(stream(9, torch.float32)):
        masked = i == 5
        step(module, optimizer, w._replace(mask=w.mask & (not masked)))
        assert all(p.grad is not None for p in module.parameters() if p.requires_grad)
        taught = i < m or any(0 <= i - reset < m for reset in (3, 4, 6))
        assert bool(module.core.initial_0.grad.any()) == (taught and not masked)


def test_a_core_that_begins_with_an_empty_memory_has_nothing_to_learn() -> None:
    with pytest.raises(ValueError, match=r"^initial_state='learned' teaches this core nothing: .* give .*=zeros"):
        LearnedInitialState(Stack(4, Attention))


@pytest.mark.parametrize("readout", ["last", "mean"])
def test_a_classifier_learns_it(readout: str) -> None:
    module: SequenceClassifier = classifier(initial_state="learned", readout=readout).train()
    logits, _ = module(torch.randn(4, 8, 8))
    nn.functional.cross_entropy(logits, torch.arange(4)).backward()
    assert all(p.grad is not None and p.grad.any() for p in module.core.parameters())
    assert isinstance(module.core.core, LSTM)
