"""Recorded steps give what plain ones give, and say so where they do not; what a GPU alone can do is in test_gpu.py."""

from collections.abc import Callable
from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch import nn

from seqmodels.modules.base import SequenceModule
from seqmodels.modules.cuda_graph import check_recordable, check_steps
from seqmodels.modules.recorded import CHECKED, MOST, RecordedStep
from seqmodels.modules.same_results import Results
from seqmodels.runs.run import compose, train
from tests.modules.test_classifier import classifier
from tests.modules.test_regressor import fit, regressor
from tests.modules.test_tbptt import TRAINER, B, stream
from tests.support.attempts import SINE
from tests.support.recording import by_running_again


def updates(module: Any, windows: list[Any], group: int = 1) -> list[torch.Tensor]:
    """Train on windows, `group` of them an update; the losses, and all weights and what is carried at the end."""
    module.train().trainer = TRAINER
    optimizer = torch.optim.SGD([one for one in module.parameters() if one.requires_grad], lr=0.1)
    found = []
    for number, window in enumerate(windows, 1):
        output = module.training_step(window)
        loss = output if isinstance(output, torch.Tensor) else output["loss"]
        (loss / group).backward()
        found.append(loss.detach())
        if number % group == 0:
            optimizer.step()
            optimizer.zero_grad()
    carried = module.tbptt.carried.streams.state or () if hasattr(module, "tbptt") else ()
    return [*found, *(one.detach() for one in module.parameters()), *carried]


def recorded(module: SequenceModule, record: Any = by_running_again) -> SequenceModule:
    module.stand_in = RecordedStep(module, record)
    return module


@pytest.mark.parametrize(
    ("options", "group"),
    [
        ({"core": "lstm"}, 1),
        ({"core": "gru", "backprop_windows": 3}, 1),
        ({"core": "lstm", "initial_state": "learned"}, 2),
        ({"core": "attention", "state_dtype": "bfloat16", "nan_input": "mask"}, 1),
        ({"core": "lstm", "carry": False}, 1),
    ],
    ids=str,
)
def test_a_recorded_training_is_the_plain_one(options: dict[str, Any], group: int) -> None:
    """Windows of two shapes, in some of which streams start anew; the gradients of two are added where it says so."""
    windows = stream(12, torch.float32)
    ours, plain = updates(recorded(regressor(**options)), windows, group), updates(regressor(**options), windows, group)
    assert all(map(torch.equal, ours, plain))


def test_a_training_that_is_cut_off_goes_on_with_recordings_of_its_own() -> None:
    windows = stream(12, torch.float32)
    cut, resumed, undisturbed = (recorded(regressor(backprop_windows=2)) for _ in range(3))
    expected = updates(undisturbed, windows)
    before = updates(cut, windows[:5])[:5]
    resumed.load_state_dict(cut.state_dict())
    resumed.tbptt.load_state_dict(cut.tbptt.state_dict(), 0, 1, B)
    assert all(map(torch.equal, [*before, *updates(resumed, windows[5:])], expected))


def test_random_numbers_go_on_as_in_the_plain_training() -> None:
    batches = [(torch.randn(4, 8, 8), torch.arange(4), torch.tensor([3, 8, 1, 5])) for _ in range(8)]
    found = []
    for make in (classifier, lambda **options: recorded(classifier(**options))):
        module = make(dropout=0.5, class_weights=[1.0] * 5 + [2.0] * 5, class_counts=[1] * 10)
        torch.manual_seed(1)
        found.append([*updates(module, batches), torch.get_rng_state()])
    assert all(map(torch.equal, *found))


def test_what_leaves_a_step_is_no_part_of_the_recording() -> None:
    module = recorded(regressor())
    first, second = stream(4, torch.float32)[::2]
    module.trainer = TRAINER
    kept = module.training_step(first)
    copies = deepcopy([kept["loss"].detach(), kept["prediction"], *module.tbptt.carried.streams.state])
    before = [kept["loss"].detach(), kept["prediction"], *module.tbptt.carried.streams.state]
    for _ in range(3):
        module.training_step(second)
    assert all(map(torch.equal, before, copies))
    with pytest.raises(RuntimeError, match="after the next step was played"):
        kept["loss"].backward()


def test_a_recording_for_each_shape_and_place_of_the_weights() -> None:
    made = []

    def counted(run: Callable[[], Results]) -> Any:
        made.append(run)
        return by_running_again(run)

    module = recorded(regressor(), counted)
    updates(module, stream(9, torch.float32))
    assert len(made) == 3  # the first window has no state yet, then windows of two lengths
    module.head.weight.data = module.head.weight.data.clone()
    updates(module, stream(9, torch.float32)[1::2])
    assert len(made) == 4
    module.head.bias.requires_grad_(False)
    updates(module, stream(9, torch.float32)[1::2])
    assert len(made) == 5


def test_too_many_shapes_are_refused() -> None:
    module = recorded(regressor())
    with pytest.raises(ValueError, match=f"after {MOST} of them came another one .*cuda_graphs=false"):
        updates(module, [window for steps in range(2, 20) for window in stream(1, torch.float32, steps)])


def stale(run: Callable[[], Results]) -> Any:
    """Plays nothing: the results stay those of the first window."""
    return (lambda: None), run()


def test_a_wrong_recording_ends_the_training() -> None:
    with pytest.raises(ValueError, match=r"cuda_graphs=true: .* of a recorded step is not what the plain step gives"):
        updates(recorded(regressor(), stale), stream(9, torch.float32)[1::2])


def test_a_wrong_gradient_is_named() -> None:
    def doubled(run: Callable[[], Results]) -> Any:
        play, results = by_running_again(run)
        return (lambda: (play(), results.gradients[1].mul_(2))), results

    with pytest.raises(ValueError, match=r"the gradient of core\.rnn.weight_hh_l0"):
        updates(recorded(regressor(), doubled), stream(3, torch.float32))


def test_what_changes_later_is_found_by_the_next_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number of Python's that a callback changes is not part of a graph."""
    monkeypatch.setattr("seqmodels.modules.recorded.AGAIN", 10)
    module, number = classifier(), [1.0]
    plain, module.compute = module.compute, lambda batch: tuple(one * number[0] for one in plain(batch))  # type: ignore[method-assign]

    def frozen(run: Callable[[], Results]) -> Any:
        play, results = by_running_again(run)

        def as_it_was() -> None:
            now, number[0] = number[0], 1.0
            play()
            number[0] = now

        return as_it_was, results

    recorded(module, frozen)
    batch = (torch.randn(4, 8, 8), torch.arange(4))
    updates(module, [batch] * CHECKED)
    number[0] = 1.5
    updates(module, [batch] * (10 - CHECKED))
    with pytest.raises(ValueError, match=r"cuda_graphs=true: .* of a recorded step"):
        updates(module, [batch])


@pytest.mark.parametrize("where", ["state", "loss"])
def test_numbers_that_are_none_are_the_same_on_both_sides(where: str) -> None:
    """A loss that has become NaN is what the guard of every run speaks of, not a wrong recording."""
    module = recorded(regressor())
    with torch.no_grad():
        (module.core.rnn.weight_hh_l0 if where == "state" else module.head.weight).fill_(torch.nan)
    assert updates(module, stream(3, torch.float32))[0].isnan()


def test_the_fit_ends_without_recordings() -> None:
    module, plain = recorded(regressor()), regressor()
    fit(module, 5)
    fit(plain, 5)
    assert module.stand_in is None
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(module.parameters(), plain.parameters(), strict=True))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: regressor(burn_in=3), "burn_in=3 cuts windows"),
        (lambda: nn.Linear(1, 1), "Linear is none"),
        (lambda: with_dropout(), "dropout=0.4 of LSTM is drawn"),
    ],
)
def test_what_cannot_be_recorded(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_steps(make())


def with_dropout() -> SequenceModule:
    module = regressor()
    module.core.rnn.num_layers, module.core.rnn.dropout = 2, 0.4  # type: ignore[union-attr]
    return module


def test_the_cpu_is_refused_before_the_first_step() -> None:
    with pytest.raises(
        ValueError, match=r"^trainer\.cuda_graphs=true is for an NVIDIA GPU, .* give trainer\.cuda_graphs=f"
    ):
        train(compose([*SINE, "trainer=cpu", "trainer.cuda_graphs=true"]))


def test_several_processes_and_scaled_losses_are_refused() -> None:
    gpu = torch.device("cuda")
    several = SimpleNamespace(strategy=SimpleNamespace(root_device=gpu), world_size=2)
    with pytest.raises(ValueError, match=r"and this one has 2 \(SimpleNamespace\)"):
        check_recordable(regressor(), several)  # type: ignore[arg-type]
    scaled = SimpleNamespace(
        strategy=SingleDeviceStrategy(gpu), precision="16-mixed", precision_plugin=SimpleNamespace(scaler=object())
    )
    with pytest.raises(ValueError, match="precision=16-mixed multiplies"):
        check_recordable(regressor(), scaled)  # type: ignore[arg-type]
