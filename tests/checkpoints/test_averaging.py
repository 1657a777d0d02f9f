"""Averaged weights: which are tested, where they stand, and that a resumed run goes on with both kinds."""

from pathlib import Path
from typing import Any

import pytest
import torch

from seqmodels.exceptions import Stopped
from seqmodels.runs.evaluate import evaluate
from seqmodels.runs.run import compose, resume, train
from tests.support.attempts import OWN, assert_same_run, callback, checkpoint, cut_and_resumed, same

EMA = ["+experiment=sine_stream", "callbacks=[checkpoints,guards,ema]", "callbacks.ema.decay=0.8", "logger=csv",
       "trainer=cpu", "threads=1", "datamodule.num_streams=4", "datamodule.window=5", "datamodule.val_windows=3",
       "datamodule.test_windows=2", "core.hidden_size=4", "trainer.log_every_n_steps=1", "checkpoint.every_n_steps=3",
       "trainer.max_steps=12", "trainer.val_check_interval=4"]  # fmt: skip
RAW = "current_model_state"


def assert_same(a: Path, b: Path) -> None:
    """The weights that are trained and the averages."""
    assert_same_run(a, b)
    for name in ("last", "best"):
        ours, theirs = checkpoint(a, name), checkpoint(b, name)
        assert all(same(ours[key], theirs[key]) for key in ("state_dict", RAW, "averaging_state")), name
    assert not same(ours["state_dict"], ours[RAW])


@pytest.mark.parametrize(("batch", "validation"), [(4, True), (4, False), (12, True)])
def test_a_stop_leaves_averages_and_weights_in_their_places(batch: int, validation: bool) -> None:
    asking = callback("StopIn", batch=batch, validation=str(validation).lower())
    with pytest.raises(Stopped):
        train(compose([*EMA, *asking]), "run")
    resume("run", trust=OWN)
    assert_same(Path("run"), train(compose(EMA), "whole").folder)


def test_a_run_with_averages_that_is_cut_off() -> None:
    assert_same(cut_and_resumed(EMA, [5, 10]), train(compose(EMA), "whole").folder)


@pytest.mark.parametrize("test", ["best", "last"])
def test_what_was_tested_is_what_the_checkpoint_holds(test: str) -> None:
    tested = train(compose([*EMA, f"test={test}"]), "run").metrics
    again = evaluate("run", checkpoint=test)
    assert tested["test/loss"] == pytest.approx(again.metrics["test/loss"], rel=1e-6)


def test_the_average_is_that_of_the_weights() -> None:
    """By hand, from the weights after each step."""
    made = train(compose([*EMA, *callback("Weights")]), "run").folder
    seen: list[dict[str, Any]] = torch.load(made / "weights.pt")
    average = seen[1]  # of which the average is made
    for weights in seen[2:]:
        average = {name: torch.lerp(weights[name], average[name], 0.8) for name in average}
    for name, value in checkpoint(made)["state_dict"].items():
        torch.testing.assert_close(value, average[name])


@pytest.mark.parametrize(
    ("name", "more"),
    [("StochasticWeightAveraging", ["swa_lrs=0.01"]), ("GradientAccumulationScheduler", ["scheduling={1: 2}"]),
     ("LearningRateFinder", []), ("BatchSizeFinder", [])],
)  # fmt: skip
def test_what_cannot_be_resumed_is_refused_before_training(name: str, more: list[str]) -> None:
    words = [f"+callbacks.it._target_=lightning.pytorch.callbacks.{name}"]
    words += [f"+callbacks.it.{one}" for one in more]
    with pytest.raises(ValueError, match=f"{name} cannot be resumed: .*give |{name} cannot be .*callbacks=ema is"):
        train(compose([*EMA, *words]), "run")
    assert not Path("run/checkpoints").exists()


@pytest.mark.slow
def test_an_equal_average_by_the_remedy() -> None:
    words = ["callbacks.ema._target_=lightning.pytorch.callbacks.WeightAveraging", "~callbacks.ema.decay"]
    words = [word for word in EMA if "decay" not in word] + words
    assert_same(cut_and_resumed(words, [5]), train(compose(words), "whole").folder)
