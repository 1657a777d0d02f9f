"""Training steps that are computed together give what each model would compute alone: losses, gradients, states."""

from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from torch import Tensor

from seqmodels.datamodules.window import Window
from seqmodels.modules.classifier import SequenceClassifier
from seqmodels.modules.labeller import SequenceLabeller
from seqmodels.modules.regressor import StreamRegressor
from seqmodels.stacking.readers import reader_of
from seqmodels.stacking.steps import AllInOne, alone, own_kernels
from seqmodels.stacking.tasks import Answer, Task, task_of, trainable
from tests.conftest import core_config, options

MODELS, ROWS, STEPS, D = 3, 4, 5, 2
UNMAPPED = ("attention", "indrnn", "mamba", "pd_ssm", "s4d")
"""Read with their own kernels; all the others can be read all in one."""
QUICK = ("irnn", "lstm_tf", "gru", "lru")
"""In the default run."""


def core_of(name: str, **settings: Any) -> Any:
    config = core_config(name)
    layers = {"num_layers": 2} if "num_layers" in config else {}
    return lambda input_size: instantiate(config, **layers, **settings)(input_size=input_size)


def models(kind: type, name: str, outputs: int = 2, **settings: Any) -> list[Any]:
    made = []
    for seed in range(MODELS):
        torch.manual_seed(seed)
        made.append(kind(core_of(name), None, input_size=D, output_size=outputs, **settings).double().train())
    return made


def window(number: int, seed: int) -> Window:
    draw = torch.Generator().manual_seed(100 * number + seed)
    x, y = (torch.randn(ROWS, STEPS, D, dtype=torch.float64, generator=draw) for _ in range(2))
    reset = torch.rand(ROWS, generator=draw) < (0.3 if number else 2)
    return Window(x, y, reset, torch.rand(ROWS, STEPS, generator=draw) < 0.8)


def stream_tasks(made: list[Any], number: int) -> list[Task]:
    windows = [window(number, place) for place in range(len(made))]
    return [
        task_of(place, module, (one, module.tbptt.windows_in_reach(one)))
        for place, (module, one) in enumerate(zip(made, windows, strict=True))
    ]


def assert_same(ours: list[Answer], theirs: list[Answer], tolerance: float = 1e-10) -> None:
    for left, right in zip(ours, theirs, strict=True):
        assert left.gradients.keys() == right.gradients.keys()
        pairs = [*zip(left.computed, right.computed, strict=True)]
        pairs += [(left.gradients[name], right.gradients[name]) for name in left.gradients]
        for one, other in pairs:
            if not isinstance(one, Tensor) and one is not None:
                one, other = one.state, other.state
            torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


def learn(tasks: list[Task], answers: list[Answer]) -> None:
    """One step of gradient descent, and what is carried to the next window."""
    for task, answer in zip(tasks, answers, strict=True):
        carried = task.module.tbptt.carried_after(task.inputs[1], answer.computed[2], answer.computed[0])
        task.module.tbptt.carried = carried
        for name, weight in trainable(task).items():
            if (gradient := answer.gradients[name]) is not None:
                weight.data -= 0.01 * gradient / gradient.norm().clamp(min=1)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in options("core")]
)
def test_streams_read_together_are_streams_read_alone(name: str) -> None:
    """Over three windows: the first, and two that go on, with resets, with steps that do not count."""
    made = models(StreamRegressor, name, input_stats=(0.3, 2.0), target_stats=([0.1, -0.2], [1.5, 0.5]))
    reader = reader_of(made[0].core)
    assert (reader is None) == (name in UNMAPPED)
    for number in range(3):
        tasks = stream_tasks(made, number)
        right = alone(tasks)
        assert_same(own_kernels(tasks), right)
        if reader is not None:
            assert_same(AllInOne(reader, MODELS)(tasks), right)
        learn(tasks, right)


@pytest.mark.parametrize("settings", [{"backprop_windows": 2}, {"burn_in": 4}, {"carry": False}])
def test_own_kernels_know_all_of_truncated_back_propagation(settings: dict[str, Any]) -> None:
    made = models(StreamRegressor, "gru", **settings)
    for number in range(3):
        tasks = stream_tasks(made, number)
        right = alone(tasks)
        assert_same(own_kernels(tasks), right)
        learn(tasks, right)


@pytest.mark.parametrize("name", ["lstm", "lru"])
def test_whole_sequences_read_together_are_sequences_read_alone(name: str) -> None:
    for kind in (SequenceClassifier, SequenceLabeller):
        made = models(kind, name, outputs=3)
        tasks = []
        for place, module in enumerate(made):
            draw = torch.Generator().manual_seed(place)
            x = torch.randn(ROWS, STEPS, D, dtype=torch.float64, generator=draw)
            shape = (ROWS,) if kind is SequenceClassifier else (ROWS, STEPS)
            label = torch.randint(3, shape, generator=draw)
            last = torch.randint(1, STEPS + 1, (ROWS,), generator=draw) if kind is SequenceClassifier else label > 0
            tasks.append(task_of(place, module, ((x, label, last),)))
        assert_same(AllInOne(reader_of(made[0].core), MODELS)(tasks), alone(tasks))


@pytest.mark.parametrize(("name", "start"), [("lstm", "zeros"), ("lru", "zeros"), ("lru", "learned")])
def test_vectors_of_tokens_are_each_models_own(name: str, start: str) -> None:
    made = []
    for seed in range(MODELS):
        torch.manual_seed(seed)
        one = SequenceLabeller(core_of(name), None, 1, 3, tokens=9, embedding=2, initial_state=start)
        made.append(one.double().train())
    tasks = [
        task_of(place, module, ((torch.randint(9, (ROWS, STEPS, 1)), torch.randint(3, (ROWS, STEPS)), None),))
        for place, module in enumerate(made)
    ]
    reader = reader_of(made[0].core)
    assert reader is not None
    assert_same(AllInOne(reader, MODELS)(tasks), alone(tasks))


@pytest.mark.parametrize("name", ["rnn_tf", "lstm", "gru", "min_gru"])
def test_bits_do_not_depend_on_who_else_is_there(name: str) -> None:
    made = [module.float() for module in models(StreamRegressor, name)]
    tasks = [
        task_of(task.place, task.module, (small, task.module.tbptt.windows_in_reach(small)))
        for task in stream_tasks(made, 0)
        for small in [task.inputs[0]._replace(x=task.inputs[0].x.float(), y=task.inputs[0].y.float())]
    ]
    together = AllInOne(reader_of(made[0].core), MODELS)
    everyone = together(tasks)
    assert_same(together([tasks[2], tasks[0]]), [everyone[2], everyone[0]], tolerance=0)


def test_a_loss_that_is_no_number_stays_with_its_model() -> None:
    made = models(StreamRegressor, "lstm")
    tasks = stream_tasks(made, 0)
    ill = tasks[1].inputs[0]._replace(x=torch.full_like(tasks[1].inputs[0].x, torch.nan))
    tasks[1] = task_of(1, made[1], (ill, made[1].tbptt.windows_in_reach(ill)))
    for together in (own_kernels, AllInOne(reader_of(made[0].core), MODELS)):
        answers = together(tasks)
        assert answers[1].computed[0].isnan()
        assert_same([answers[0], answers[2]], alone([tasks[0], tasks[2]]))


def test_gradients_that_are_given_are_scaled_and_added_as_autograd_does() -> None:
    (module, *_) = models(StreamRegressor, "gru")
    task = stream_tasks([module], 0)[0]
    loss, *_ = alone([task])[0].given_to(task.weights)
    (loss / 4).backward()
    (2 * alone([task])[0].given_to(task.weights)[0]).backward()
    ours = {name: weight.grad for name, weight in trainable(task).items()}
    module.zero_grad()
    (2.25 * module.compute(*task.inputs)[0]).backward()
    for name, weight in trainable(task).items():
        torch.testing.assert_close(ours[name], weight.grad, rtol=1e-12, atol=1e-12)
