"""What sets a core's time scales is learned at a rate of its own and without weight decay, for all to see."""

import logging
from functools import partial
from typing import Any

import pytest
import torch
from hydra.utils import instantiate

from seqmodels.cores.base import Core
from seqmodels.cores.initial_state import LearnedInitialState
from seqmodels.cores.lru import LRU
from seqmodels.cores.recurrent import LSTM
from seqmodels.cores.stack import Stack
from seqmodels.modules.classifier import SequenceClassifier
from seqmodels.modules.parameter_groups import timescale_parameters
from seqmodels.modules.schedules import one_cycle
from seqmodels.runs.run import compose, train
from tests.conftest import core_config, options


def classifier(optimizer: Any, core: Any = LRU, **settings: Any) -> SequenceClassifier:
    torch.manual_seed(0)
    return SequenceClassifier(partial(Stack, layer=core, num_layers=2), optimizer, 3, 2, **settings)


@pytest.mark.parametrize("name", options("core"))
def test_every_core_names_parameters_that_it_has(name: str) -> None:
    core = instantiate(core_config(name))(input_size=3)
    parts = [(place, part) for place, part in core.named_modules() if isinstance(part, Core)]
    named = {f"{place}.{name}".lstrip(".") for place, part in parts for name in part.timescale_parameters}
    assert named == set(timescale_parameters(core)) <= {name for name, _ in core.named_parameters()}


def test_two_groups_hold_every_parameter_once() -> None:
    module = classifier(partial(torch.optim.AdamW, lr=0.01, weight_decay=0.1), timescale_lr=0.25)
    weights, special = module.configure_optimizers().param_groups
    assert (weights["lr"], weights["weight_decay"]) == (0.01, 0.1)
    assert (special["lr"], special["weight_decay"]) == (0.0025, 0.0)
    names = dict(module.named_parameters())
    expected = [f"core.blocks.{block}.layer.{name}" for block in (0, 1) for name in ("nu", "theta", "gamma")]
    assert {id(p) for p in special["params"]} == {id(names[name]) for name in expected}
    assert sorted(id(p) for group in (weights, special) for p in group["params"]) == sorted(map(id, names.values()))


def test_a_core_without_time_scales_has_one_group() -> None:
    core = partial(LSTM, hidden_size=64)
    assert len(classifier(torch.optim.SGD, core).configure_optimizers().param_groups) == 1


def test_a_learned_initial_state_hides_nothing() -> None:
    core = LearnedInitialState(Stack(3, LRU))
    assert list(timescale_parameters(core)) == [f"core.blocks.0.layer.{name}" for name in ("nu", "theta", "gamma")]


def test_decay_and_rate_at_work() -> None:
    module = classifier(partial(torch.optim.SGD, lr=0.1, weight_decay=0.5), timescale_lr=0.5)
    optimizer = module.configure_optimizers()
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    for parameter in module.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    for name, parameter in module.named_parameters():
        old = before[name]
        expected = old - 0.05 if name in timescale_parameters(module) else old - 0.1 * (1 + 0.5 * old)
        torch.testing.assert_close(parameter, expected)


def test_a_schedule_keeps_the_ratio() -> None:
    optimizer = classifier(partial(torch.optim.Adam, lr=0.01), timescale_lr=0.1).configure_optimizers()
    schedule = one_cycle(optimizer, 20)
    for _ in range(18):
        weights, special = optimizer.param_groups
        assert special["lr"] == pytest.approx(0.1 * weights["lr"])
        optimizer.step()
        schedule.step()


def test_a_negative_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="timescale_lr=-1 is too small; give a number of at least 0"):
        classifier(torch.optim.SGD, timescale_lr=-1)


def test_a_run_says_so(caplog: pytest.LogCaptureFixture) -> None:
    words = ["datamodule=digits", "core=lru", "core.hidden_size=8", "core.layer.state_size=4"]
    with caplog.at_level(logging.INFO):
        train(compose([*words, "module.timescale_lr=0.25", "+debug=fast", "trainer=cpu"]))
    assert "nu, theta, gamma (12 numbers), at 0.25 of the learning rate and without weight decay" in caplog.text
