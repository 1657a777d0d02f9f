"""A crew computes what is alike together, in the fastest of the ways that work, and nothing else."""

from typing import Any

import pytest
import torch
from hydra.utils import instantiate

from seqmodels.datamodules.window import NOTHING, Window
from seqmodels.modules.classifier import SequenceClassifier
from seqmodels.modules.regressor import StreamRegressor
from seqmodels.stacking.crew import APART, TRIES, Choice, form_of, kind_of, ways_of
from seqmodels.stacking.tasks import task_of
from tests.conftest import core_config


def module(name: str = "gru", kind: type = StreamRegressor, **settings: Any) -> Any:
    config = core_config(name)
    return kind(
        lambda input_size: instantiate(config)(input_size=input_size), None, input_size=2, output_size=2, **settings
    )


def test_the_fastest_way_is_taken_once_all_were_tried() -> None:
    taken: list[str] = []
    seconds = {APART: 3.0, "slow": 2.0, "fast": 1.0}
    choice = Choice({name: lambda tasks, name=name: taken.append(name) or tasks for name in seconds})
    for _ in range(3 * (TRIES + 1) + 5):
        choice([1, 2, 3, 4])
        choice.took(seconds[taken[-1]])
    assert [taken.count(name) for name in seconds] == [TRIES + 1, TRIES + 1, TRIES + 1 + 5]
    assert taken[-5:] == ["fast"] * 5
    for _ in range(3):
        choice([1, 2])  # half of them have ended, so all ways are tried again
        choice.took(1.0)
    assert sorted(taken[-3:]) == sorted(seconds)


def test_a_way_that_fails_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    def fails(tasks: Any) -> Any:
        raise RuntimeError("no rule for this")

    choice = Choice({"bad": fails, APART: lambda tasks: [None] * len(tasks)})
    assert choice([1, 2]) == [None, None]
    assert "bad is left out, since it fails: no rule for this" in caplog.text
    assert choice([1, 2]) == [None, None]


def test_one_job_alone_computes_itself() -> None:
    choice = Choice({"together": lambda tasks: tasks, APART: lambda tasks: [None] * len(tasks)})
    assert choice([1]) == [None]


def test_what_is_alike() -> None:
    assert kind_of(module()) == kind_of(module())
    assert kind_of(module("lstm")) != kind_of(module())
    assert kind_of(module(kind=SequenceClassifier)) != kind_of(module())
    assert kind_of(module().double()) != kind_of(module())


def test_what_is_computed_by_the_job_itself() -> None:
    class Mine(StreamRegressor):
        """May do anything."""

    assert kind_of(module(kind=Mine)) is None
    assert kind_of(module(kind=SequenceClassifier, dropout=0.1)) is None
    assert kind_of(module().to(torch.bfloat16)) is None


def test_buffers_of_a_core_tell_models_apart() -> None:
    """Where all are read at once, what is no weight is the first one's."""
    ours, theirs = module(), module()
    for one, value in ((ours, 0.0), (theirs, 1.0)):
        one.core.register_buffer("fixed", torch.full((3,), value))
    assert kind_of(ours) != kind_of(theirs)
    theirs.core.fixed.zero_()
    assert kind_of(ours) == kind_of(theirs)


def test_batches_of_other_shapes_are_not_alike() -> None:
    batch = torch.zeros(4, 5, 2), torch.zeros(4)
    assert form_of((batch,)) != form_of((tuple(one[:3] for one in batch),))
    assert form_of((batch, (1,))) != form_of((batch, (1, 2)))


@pytest.mark.parametrize(("settings", "steps", "ways"), [({}, False, 3), ({}, True, 2), ({"burn_in": 2}, False, 2)])
def test_windows_that_are_not_plain_are_read_by_their_own_cores(settings: Any, steps: bool, ways: int) -> None:
    regressor = module(**settings)
    x, y = torch.zeros(4, 5, 2), torch.zeros(4, 5, 2)
    inside = torch.zeros(4, 5, dtype=torch.bool) if steps else NOTHING
    window = Window(x, y, torch.ones(4, dtype=torch.bool), torch.ones(4, 5, dtype=torch.bool), step_reset=inside)
    task = task_of(0, regressor, (window, regressor.tbptt.windows_in_reach(window)))
    assert len(ways_of(task, 2)) == ways


def test_a_classifier_that_is_told_the_time_reads_by_itself() -> None:
    batch = torch.zeros(4, 3, 2), torch.zeros(4, dtype=torch.long), torch.full((4,), 3)
    for inputs, ways in ((batch, 2), ((*batch, torch.ones(4, 3)), 1)):
        assert len(ways_of(task_of(0, module("lru", SequenceClassifier), (inputs,)), 2)) == ways
