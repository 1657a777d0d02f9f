"""What ends a search before its time, and what is left of it: signals, full disks, damaged files, pruned trials."""

from pathlib import Path

import pytest

from tests.conftest import Command
from tests.runs.test_signals import signalled_in
from tests.support.attempts import assert_same_run, callback
from tests.support.searching import STUDY, WORDS, folders, states

ONE = [
    *WORDS,
    "n_trials=1",
    "trust=[tests.support.disks.SmallDisk,tests.runs.test_signals.SignalledIn,tests.support.attempts.Signalled]",
]


def test_a_trial_whose_disk_is_full_goes_on(tune: Command, capsys: pytest.CaptureFixture[str]) -> None:
    disk = [word.replace("attempts", "disks") for word in callback("SmallDisk", step=5, size=20_000)]
    assert tune(*ONE, *disk) == 1
    shown = capsys.readouterr().err
    assert f"{folders()[0].absolute()}/checkpoints/best.ckpt cannot be written: File too large (" in shown
    assert "MB are free there, and it needs more than 0.0" in shown
    assert "Traceback" not in shown
    assert states() == ["running"]
    Path("disk is full").unlink()
    assert tune(*ONE, *disk) == 0
    assert states() == ["complete"]
    assert tune(*ONE, "study=whole") == 0
    assert_same_run(folders()[0], folders(STUDY.with_name("study_whole"))[0])


@pytest.mark.parametrize("hook", ["on_fit_end", pytest.param("on_train_end", marks=pytest.mark.slow)])
def test_a_signal_after_the_last_step_of_a_trial_does_not_fail_it(tune: Command, hook: str) -> None:
    words = [*ONE, *signalled_in(hook, "SIGTERM")]
    assert tune(*words) == 143
    assert states() == ["running"]
    assert tune(*words) == 0
    assert states() == ["complete"]


def test_every_trial_pruned(tune: Command, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine/pruner").mkdir()
    Path("mine/pruner/all.yaml").write_text("_target_: optuna.pruners.ThresholdPruner\nlower: 10\n")
    assert tune(*WORDS, "pruner=all") == 1
    assert states() == ["pruned"] * 2
    shown = capsys.readouterr().err
    assert "error: no trial of 2 completed: 2 pruned, which leaves no best; a higher n_trials=N adds some" in shown
    assert tune(*WORDS, "pruner=none", "n_trials=3") == 0
    assert states() == ["pruned", "pruned", "complete"]


LINES = {
    "no JSON": "{half a line",
    "no event": "[1, 2]",
    "an event without its kind": "{}",
    "an event of nothing": '{"op_code": 4}',
}


@pytest.mark.parametrize("damage", LINES)
def test_a_damaged_line_of_the_journal_is_named(tune: Command, capsys: pytest.CaptureFixture[str], damage: str) -> None:
    assert tune(*ONE) == 0
    journal = STUDY / "journal.log"
    lines = journal.read_text().splitlines()
    whole = len(lines)
    journal.write_text("\n".join([*lines[:3], LINES[damage], *lines[4:]]) + "\n")
    assert tune(*ONE, "n_trials=2") == 1
    shown = capsys.readouterr().err
    assert f"{journal} cannot be read, its line 4 is damaged" in shown
    assert "Traceback" not in shown
    assert len(journal.read_text().splitlines()) == whole


@pytest.mark.slow
def test_a_pruned_trial_of_two_ranks_ends_without_a_traceback(tune: Command, capfd: pytest.CaptureFixture[str]) -> None:
    Path("mine/pruner").mkdir()
    Path("mine/pruner/all.yaml").write_text("_target_: optuna.pruners.ThresholdPruner\nlower: 10\n")
    assert tune(*ONE, "pruner=all", "trainer.devices=2", "trainer.strategy=ddp") == 1
    assert states() == ["pruned"]
    assert "Traceback" not in capfd.readouterr().err
