"""Runs killed with SIGKILL at random moments, and in the middle of a save, and what they wrote."""

import random
from pathlib import Path

import pytest

from seqmodels.checkpoints.read import newest
from tests.support.attempts import DIGITS, SINE, assert_same_run
from tests.support.killing import kill_at_random, rows, start

LONG_SINE = [*SINE, "trainer.max_steps=150", "trainer.val_check_interval=25", "checkpoint.every_n_steps=5"]
LONG_DIGITS = [*DIGITS, "trainer.max_epochs=10", "checkpoint.every_n_steps=3"]


def killed_and_resumed(words: list[str], folder: str, last: int, seed: int) -> int:
    """Two kills, then to the end; returns how many of the kills hit."""
    dice = random.Random(seed)
    first = kill_at_random([*words, f"hydra.run.dir={folder}"], folder, last // 2, dice)
    second = kill_at_random([f"resume={folder}"], folder, last, dice)
    process = start([f"resume={folder}"])
    process.join()
    assert process.exitcode == 0, Path("attempts.log").read_text()[-2000:]
    return first + second


def undisturbed(words: list[str]) -> Path:
    process = start([*words, "hydra.run.dir=whole"])
    process.join()
    assert process.exitcode == 0, Path("attempts.log").read_text()[-2000:]
    return Path("whole")


def test_a_killed_run_goes_on_to_the_same_numbers() -> None:
    whole = undisturbed(SINE)
    killed_and_resumed(SINE, "run", 24, seed=0)
    assert_same_run(Path("run"), whole)


@pytest.mark.slow
@pytest.mark.parametrize(("words", "last"), [(LONG_SINE, 150), (LONG_DIGITS, 100)], ids=["sine", "digits"])
def test_random_kills(words: list[str], last: int) -> None:
    """15 runs a kind, each killed twice."""
    whole = undisturbed(words)
    hits = 0
    for seed in range(15):
        hits += killed_and_resumed(words, f"run{seed}", last, seed)
        assert_same_run(Path(f"run{seed}"), whole)
    print(f"15 of 15 runs bit-equal after {hits} kills")
    assert hits >= 20


@pytest.mark.slow
def test_kills_in_the_middle_of_a_save() -> None:
    """A save takes most of the time here; whenever the kill comes, the run can be read and does not fall back."""
    words = [*SINE, "trainer.max_steps=100000", "core.hidden_size=300", "checkpoint.every_n_steps=1"]
    words += ["trainer.val_check_interval=100000", "hydra.run.dir=run"]
    dice = random.Random(0)
    reached = middle = 0
    for _ in range(50):
        kill_at_random(words, "run", rows("run") + 10, dice)
        middle += bool(list(Path("run/checkpoints").glob(".last.ckpt.*")))
        saved = newest(Path("run"))
        assert saved is not None
        assert saved.contents["position"]["step"] >= max(1, reached)
        reached = saved.contents["position"]["step"]
        words = ["resume=run"]
    print(f"50 of 50 readable, {middle} kills in the middle of writing, step {reached} reached")
    assert middle >= 5
