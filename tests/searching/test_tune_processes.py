"""A study that several processes share, that are killed, and trials on several devices."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from seqmodels.runs.results import read_results
from tests.conftest import Command
from tests.support.attempts import assert_same_run
from tests.support.killing import rows
from tests.support.searching import STUDY, WORDS, folders, start, states, trials, write_search

pytestmark = pytest.mark.slow


def test_two_processes_share_a_study_and_have_exactly_n_trials() -> None:
    write_search()
    words = [*WORDS, "n_trials=7", "sampler=random"]
    processes = [start(words, f"{name}.log") for name in "ab"]
    for process in processes:
        process.join()
        assert process.exitcode == 0, Path("a.log").read_text() + Path("b.log").read_text()
    assert states() == ["complete"] * 7
    assert len({str(trial.params) for trial in trials()}) == 7
    ran = [Path(f"{name}.log").read_text().count("\ntrial ") for name in "ab"]
    assert sum(ran) == 7
    assert min(ran) > 0


def test_killed_again_and_again_it_ends_as_if_it_had_not_been(tune: Command) -> None:
    """SIGKILL at random moments; the trials, their values and their runs are those of a search in peace."""
    words = [*WORDS, "n_trials=4", "trainer.max_steps=40", "trainer.val_check_interval=10"]
    assert tune(*words, "study=whole") == 0
    dice = random.Random(1)
    for _ in range(5):
        process = start(words)
        target = min(steps() + dice.randrange(1, 45), 155)
        while steps() < target and process.is_alive():
            time.sleep(0.002)
        time.sleep(dice.random() * 0.05)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, Path("attempts.log").read_text()
    assert tune(*words) == 0
    whole = STUDY.with_name("study_whole")
    assert states() == ["complete"] * 4
    for cut, not_cut in zip(folders(), folders(whole), strict=True):
        assert_same_run(cut, not_cut)
    for ours, theirs in zip(trials(), trials(whole), strict=True):
        assert (ours.params, ours.value) == (theirs.params, theirs.value)
        assert ours.intermediate_values == theirs.intermediate_values


def steps() -> int:
    """That all trials together have logged."""
    return sum(rows(str(folder)) for folder in folders()) if STUDY.exists() else 0


def test_workers(tune: Command, capfd: pytest.CaptureFixture[str]) -> None:
    assert tune(*WORDS, "n_trials=5", "workers=2") == 0
    assert states() == ["complete"] * 5
    assert capfd.readouterr().out.count("\ntrial ") == 5
    assert all((STUDY / f"worker_{number}.log").exists() for number in range(2))


def test_workers_that_are_stopped_go_on() -> None:
    write_search()
    words = [*WORDS, "callbacks=[guards,checkpoints]", "n_trials=2", "workers=2", "trainer.max_steps=100000"]
    process = start(words)
    deadline = time.monotonic() + 60
    while len(list(STUDY.glob("*/checkpoints/last.ckpt"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert process.pid
    os.kill(process.pid, signal.SIGTERM)
    process.join()
    assert process.exitcode == 143, Path("attempts.log").read_text()
    assert states() == ["running"] * 2
    assert [read_results(folder).status for folder in folders()] == ["interrupted"] * 2


def test_trials_on_several_devices(tune: Command) -> None:
    write_search("\n  optimizer.lr: {type: categorical, choices: [1e-9, 0.05]}\n")
    pruning = ["pruner.n_startup_trials=1", "pruner.n_warmup_steps=1", "sampler=random", "n_trials=3"]
    two = [word for word in WORDS if word != "trainer=cpu"]
    assert tune(*two, *pruning, "trainer=ddp_cpu") == 0
    assert {"complete", "pruned"} == set(states())
    assert read_results(folders()[0]).device.startswith("2 processes")
    alone = [*WORDS, *pruning, "study=alone"]
    assert tune(*alone) == 0
    for ours, theirs in zip(trials(), trials(STUDY.with_name("study_alone")), strict=True):
        assert ours.params == theirs.params
        assert ours.state == theirs.state
        assert ours.value == pytest.approx(theirs.value, rel=1e-3, abs=1e-4)
