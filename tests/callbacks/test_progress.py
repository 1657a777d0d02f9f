"""What a run shows of how far it is."""

import re
from pathlib import Path

import pytest

from seqmodels.callbacks.progress import Bar
from seqmodels.runs.build import build
from seqmodels.runs.run import compose, train
from tests.support.attempts import SINE

DIGITS = ["datamodule=digits", "trainer=cpu", "threads=1", "core.hidden_size=4", "test=false", "logger=csv"]


def lines(shown: str) -> dict[int, set[str]]:
    """The step of each line, and the names of what it shows."""
    found = re.findall(r"^epoch \d+ \| step (\d+)(.*)$", shown, re.MULTILINE)
    return {int(step): set(re.findall(r"\| (\S+) ", rest + " ")) for step, rest in found}


def test_a_line_shows_what_was_measured_at_its_step(capsys: pytest.CaptureFixture[str]) -> None:
    train(compose([*SINE, "trainer.log_every_n_steps=4", "test=false"]), "run")
    validation, step = {"val/loss", "val/mae", "val/r2"}, {"train/loss", "train/loss_mean"}
    assert lines(capsys.readouterr().out) == {
        6: validation,
        12: validation | step,
        18: validation,
        24: validation | step,
    }


@pytest.mark.parametrize(
    ("words", "steps"),
    [
        (["trainer.max_steps=3"], 3),
        (["datamodule.batch_size=500"], 3),
        (["datamodule.batch_size=500", "trainer.accumulate_grad_batches=2", "trainer.max_epochs=2"], 4),
    ],
)
def test_a_run_shorter_than_the_logging_interval_shows_its_loss(
    words: list[str], steps: int, capsys: pytest.CaptureFixture[str]
) -> None:
    train(compose([*DIGITS, *words, "trainer.limit_val_batches=0"]), "run")
    assert lines(capsys.readouterr().out) == {steps: {"train/loss", "train/acc"}}
    header, row = Path("run/metrics.csv").read_text().splitlines()
    assert "train/loss" in header
    assert row.startswith(f"{steps - 1},")


@pytest.mark.parametrize(
    ("words", "total"),
    [
        (["trainer.max_steps=3"], 3),
        (["trainer.max_steps=3", "trainer.accumulate_grad_batches=2"], 6),
        (["trainer.max_steps=-1", "trainer.limit_train_batches=5"], 5),
        (["trainer.max_steps=7", "trainer.limit_train_batches=4", "trainer.max_epochs=3"], 3),
    ],
)
def test_the_bar_counts_to_where_the_training_ends(words: list[str], total: int) -> None:
    Path("run").mkdir()
    parts = build(compose([*DIGITS, *words, f"callbacks.progress._target_={Bar.__module__}.Bar"]), Path("run"))
    (bar,) = (callback for callback in parts.trainer.callbacks if isinstance(callback, Bar))
    parts.trainer.fit(parts.module, datamodule=parts.datamodule)
    assert bar.train_progress_bar.total == total
    assert bar.train_progress_bar.completed == total
