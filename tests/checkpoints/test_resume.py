"""Exact resume: a run that was cut off equals the one that was not, bit for bit."""

import logging
import shutil
import signal
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from seqmodels.exceptions import Stopped
from seqmodels.runs.run import compose, resume, train
from tests.support.attempts import (
    DIGITS,
    OWN,
    SINE,
    assert_same_run,
    callback,
    checkpoint,
    cut_and_resumed,
    cut_off,
    random_steps,
    same,
    whole,
)

SCENARIOS = {
    "sine": (SINE, 24),
    "digits": (DIGITS, 30),
}
FURTHER_SCENARIOS = {
    "sine, TBPTT(5, 15)": ([*SINE, "module.backprop_windows=3", "module.burn_in=7", "datamodule.random_window=2"], 24),
    "sine, accumulating": ([*SINE, "trainer.accumulate_grad_batches=2"], 24),
    "sine, two workers": ([*SINE, "datamodule.num_workers=2"], 24),
    "sine, dropout": ([*SINE, "core.num_layers=2", "core.dropout=0.4"], 24),
    "sine, bf16 and clipping": ([*SINE, "trainer.precision=bf16-mixed", "trainer.gradient_clip_val=0.1"], 24),
    "sine, learned initial state": ([*SINE, "module.initial_state=learned"], 24),
    "sine, diagnostics": ([*SINE, "callbacks=diagnostics"], 24),
    "sine, animation": ([*SINE, "callbacks.animation.windows=60"], 24),
    "sine, finite and again": ([*SINE, "datamodule.overfit_batches=7", "trainer.max_epochs=9"], 24),
    "digits, accumulating": ([*DIGITS, "trainer.accumulate_grad_batches=2"], 15),
    "digits, accumulating an odd number": ([*DIGITS, "trainer.accumulate_grad_batches=3"], 12),
    "digits, two workers": ([*DIGITS, "datamodule.num_workers=2"], 30),
    "digits, checkpoints at epoch ends only": ([*DIGITS, "checkpoint.every_n_steps=null"], 30),
    "digits, max_steps in mid-epoch": ([*DIGITS, "trainer.max_steps=26", "trainer.max_epochs=9"], 26),
    "digits, a schedule": ([*DIGITS, "scheduler=one_cycle"], 30),
    "digits, half epochs": ([*DIGITS, "trainer.limit_train_batches=0.5", "trainer.max_epochs=6"], 30),
    "digits, validation across epochs": (
        [*DIGITS, "trainer.check_val_every_n_epoch=null", "trainer.val_check_interval=7"],
        30,
    ),
    "digits, early stopping": ([*DIGITS, "callbacks=early_stopping", "monitor=val/loss", "mode=min"], 20),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_cut_off_twice(name: str) -> None:
    words, last = SCENARIOS[name]
    assert_same_run(cut_and_resumed(words, random_steps(len(name), last)), whole(words))


@pytest.mark.slow
@pytest.mark.parametrize("name", FURTHER_SCENARIOS)
def test_cut_off_twice_in_every_way(name: str) -> None:
    words, last = FURTHER_SCENARIOS[name]
    assert_same_run(cut_and_resumed(words, random_steps(len(name), last)), whole(words))


@pytest.mark.slow
@pytest.mark.mnist
def test_mnist_cut_off_twice(mnist_root: Path) -> None:
    words = ["+experiment=mnist_lstm", f"datamodule.root={mnist_root}", "trainer=cpu", "threads=1"]
    words += ["trainer.log_every_n_steps=1", "trainer.limit_train_batches=90", "trainer.max_epochs=2"]
    words += ["checkpoint.every_n_steps=20", "trainer.limit_val_batches=1"]
    assert_same_run(cut_and_resumed(words, [33, 128]), whole(words))


@pytest.mark.slow
def test_checkpoints_by_the_clock() -> None:
    words = [*SINE, "checkpoint.every_n_steps=null", "checkpoint.every_n_minutes=0.00001"]
    resumed = cut_and_resumed(words, [9])
    assert checkpoint(resumed, "previous")["position"]["step"] > 10
    assert_same_run(resumed, whole(words))


@pytest.mark.slow
@pytest.mark.parametrize("words", [SINE, DIGITS], ids=["sine", "digits"])
def test_another_number_of_workers(words: list[str]) -> None:
    resumed = cut_and_resumed(words, [5, 11], ["datamodule.num_workers=2"])
    assert_same_run(resumed, whole(words))


@pytest.mark.slow
@pytest.mark.parametrize("step", range(1, 12))
def test_cut_off_at_every_step_of_an_epoch(step: int) -> None:
    """Among them the steps of validations, of checkpoints, of both, and the epoch's last."""
    assert_same_run(cut_and_resumed(DIGITS, [step]), whole(DIGITS))


def test_what_a_resumed_run_shows() -> None:
    """No step twice and none missing, in TensorBoard either."""
    resumed, undisturbed = cut_and_resumed(DIGITS, [8, 13]), whole(DIGITS)
    curves = []
    for folder in (resumed, undisturbed):
        events = EventAccumulator(str(folder))
        events.Reload()
        tags = events.Tags()["scalars"]
        curves.append({tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in tags})
    assert curves[0] == curves[1]
    assert [step for step, _ in curves[0]["train/loss"]] == list(range(30))
    leftovers = [path.name for path in (resumed / "checkpoints").iterdir()]
    assert sorted(leftovers) == ["best.ckpt", "last.ckpt", "previous.ckpt"]
    assert same(checkpoint(resumed, "best")["state_dict"], checkpoint(undisturbed, "best")["state_dict"])


EPOCHS = [*DIGITS, "trainer.val_check_interval=1.0"]


@pytest.mark.parametrize(
    ("words", "name", "step", "during"),
    [
        pytest.param(SINE, "SIGTERM", 10, "step", id="sine"),
        pytest.param(SINE, "SIGUSR1", 5, "step", id="sine, a validation is due"),
        pytest.param(SINE, "SIGTERM", 12, "validation", id="sine, in a validation"),
        pytest.param(SINE, "SIGTERM", 24, "validation", id="sine, in the last validation"),
        pytest.param(
            [*SINE, "callbacks=diagnostics"],
            "SIGTERM",
            9,
            "step",
            id="sine, callbacks that remember",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            EPOCHS, "SIGTERM", 10, "validation", id="digits, in the validation of an epoch", marks=pytest.mark.slow
        ),
        pytest.param(EPOCHS, "SIGINT", 9, "step", id="digits, in the last step of an epoch"),
        pytest.param(DIGITS, "SIGTERM", 17, "step", id="digits", marks=pytest.mark.slow),
        pytest.param(
            [*DIGITS, "trainer.accumulate_grad_batches=2"],
            "SIGUSR1",
            7,
            "step",
            id="digits, accumulating",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_signal_saves_the_step_and_the_run_goes_on(words: list[str], name: str, step: int, during: str) -> None:
    signalled = callback("Signalled", name=name, step=step, validation=str(during == "validation").lower())
    with pytest.raises(Stopped) as stopped:
        train(compose([*words, "checkpoint.every_n_steps=null", *signalled]), "stopped")
    assert signal.Signals(stopped.value.signum).name == name
    assert checkpoint(Path("stopped"))["position"]["step"] == step + (during == "step")
    result = resume("stopped", trust=OWN)
    assert result is not None
    assert_same_run(result.folder, whole(words))


def test_a_run_that_was_cut_off_before_its_first_checkpoint(caplog: pytest.LogCaptureFixture) -> None:
    assert_same_run(cut_and_resumed(SINE, [1]), whole(SINE))
    assert "holds no checkpoint yet, so the run starts at step 0" in caplog.text


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(caplog: pytest.LogCaptureFixture) -> None:
    cut = cut_off(SINE, 13)
    last = cut / "checkpoints" / "last.ckpt"
    last.write_bytes(last.read_bytes()[:1000])
    with caplog.at_level(logging.WARNING):
        result = resume(cut, trust=OWN)
    assert "last.ckpt cannot be read" in caplog.text
    assert "going on from" in caplog.text
    assert result is not None
    assert_same_run(result.folder, whole(SINE))


def test_without_a_readable_checkpoint_nothing_is_trained_nor_lost() -> None:
    cut = cut_off(SINE, 13)
    for name in ("last.ckpt", "previous.ckpt"):
        path = cut / "checkpoints" / name
        contents = bytearray(path.read_bytes())
        contents[len(contents) // 2] ^= 0xFF  # one bit error, which torch.load would not notice
        path.write_bytes(contents)
    before = {path: path.read_bytes() for path in cut.rglob("*") if path.is_file() and path.name != "lock"}
    with pytest.raises(ValueError, match=r"last.ckpt cannot be read: .* is damaged; .*previous.ckpt cannot be read"):
        resume(cut, trust=OWN)
    assert {path: path.read_bytes() for path in cut.rglob("*") if path.is_file() and path.name != "lock"} == before


@pytest.mark.slow
def test_a_folder_may_move() -> None:
    Path("elsewhere").mkdir()
    shutil.move(cut_off(DIGITS, 15), "elsewhere/run")
    result = resume("elsewhere/run", trust=OWN)
    assert result is not None
    assert_same_run(result.folder, whole(DIGITS))


@pytest.mark.parametrize("words", [SINE, DIGITS], ids=["sine", "digits"])
def test_an_extended_run_equals_one_that_was_longer_from_the_start(words: list[str]) -> None:
    """The end of the first training is in the middle of an epoch of digits, and no validation is due there."""
    words = [*words, "scheduler=none", "test=false"]
    train(compose([*words, "trainer.max_steps=14"]), "extended", words)
    limit = "trainer.max_steps=20"
    result = resume("extended", [limit])
    assert result is not None
    longer = train(compose([*words, limit]), "longer", words)
    ours, theirs = (Path(folder, "metrics.csv").read_text().splitlines() for folder in ("extended", "longer"))
    assert ours == theirs
    assert same(checkpoint(result.folder)["state_dict"], checkpoint(longer.folder)["state_dict"])


def test_a_checkpoint_holds_tensors_and_plain_values() -> None:
    folder = whole([*SINE, "module.backprop_windows=2"])
    contents = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert contents["config"]["module"]["backprop_windows"] == 2
    assert contents["position"] == {"epoch": 0, "batch": 24, "step": 24, "validate": False}
    assert len(contents["rng"]) == 1
    with torch.serialization.safe_globals([]):
        assert torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)["config"] == contents["config"]
