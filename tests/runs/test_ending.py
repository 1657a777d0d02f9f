"""What ends a training before its last step is said, and where time has ended it, more time makes it longer."""

import json
from pathlib import Path

import pytest

from seqmodels.runs.run import compose, resume, train
from tests.conftest import Command
from tests.support.attempts import DIGITS, SINE, assert_same_run, callback, checkpoint

LEAN = ["callbacks=[checkpoints,guards]", "logger=csv", "test=false"]
TIMED = [*SINE, *LEAN, "trainer.max_time=00:00:00:01", "trainer.max_steps=200000", "trainer.val_check_interval=100000"]


def said(folder: str) -> str | None:
    ended: str | None = json.loads(Path(folder, "results.json").read_text())["ended_early"]
    return ended


def test_an_end_by_the_clock_is_said_and_can_be_put_off(command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    """The schedule of these 200,000 steps is the same afterwards."""
    assert command(*TIMED, "hydra.run.dir=run") == 0
    step = checkpoint(Path("run"))["global_step"]
    told = f"trainer.max_time=00:00:00:01 at step {step:,} of 200,000"
    assert said("run") == told
    assert f"by {told}" in capfd.readouterr().out
    assert command("resume=run") == 0
    assert f"ended by {told}; resume=run with a higher trainer.max_time" in capfd.readouterr().out
    assert command("resume=run", "trainer.max_time=00:00:00:02") == 0
    assert checkpoint(Path("run"))["global_step"] > step
    assert command("resume=run", "trainer.max_time=00:00:00:00") == 1
    assert "trainer.max_time=00:00:00:00 does not extend" in capfd.readouterr().err


def test_early_stopping_is_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    words = [*DIGITS, *LEAN, "callbacks=early_stopping", "callbacks.early_stopping.patience=2", "trainer.max_epochs=90"]
    words += ["monitor=val/loss", "mode=min", "callbacks.early_stopping.min_delta=9", "trainer.val_check_interval=1.0"]
    train(compose(words), "run")
    ended = said("run")
    assert ended is not None
    assert ended.startswith("early stopping (Monitored metric val/loss did not improve in the last 2 records")
    assert ended.endswith(" at step 30, in epoch 3 of 90")
    assert f"by {ended}" in caplog.text


@pytest.mark.parametrize("words", [[*SINE, *LEAN], [*DIGITS, *LEAN, "trainer.max_epochs=1"]], ids=["steps", "epochs"])
def test_a_run_that_reached_its_end_says_nothing(words: list[str]) -> None:
    train(compose(words), "run")
    assert said("run") is None


def test_an_end_waits_for_the_step_that_has_begun() -> None:
    """Asked for in the second of three batches; the run that goes on is the one that was never ended."""
    words = [*SINE, *LEAN, "trainer.accumulate_grad_batches=3", "trainer.max_steps=6", "trainer.limit_val_batches=0"]
    words += ["monitor=train/loss_mean", "mode=min"]
    whole = train(compose(words), "whole").folder
    train(compose([*words, *callback("EndIn", batch=8)]), "run")
    assert checkpoint(Path("run"))["position"] == {"epoch": 0, "batch": 9, "step": 3, "validate": False}
    assert said("run") == "a callback at step 3 of 6"
    Path("run/results.json").unlink()
    resume("run", trust=["tests.support.attempts.EndIn"])
    assert_same_run(Path("run"), whole)
