"""A run that is refused before its first step leaves nothing behind, and takes nothing away that is not its own."""

from pathlib import Path

import pytest

from seqmodels.runs.run import compose, train
from seqmodels.sweeps.folder import job_folders
from tests.conftest import Command
from tests.support.attempts import SINE

REFUSED = [
    ["core.hidden_size=-1"],
    ["monitor=val/accuracy"],
    ["mode=min", "monitor=val/r2"],
    ["trainer.max_steps=-1"],
    ["init_from=nowhere"],
    ["optimizer.lr=-1"],
    ["datamodule=digits"],
]


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_a_refused_run_leaves_nothing(words: list[str], command: Command) -> None:
    assert command(*SINE, *words) == 1
    assert not Path("outputs").exists()
    with pytest.raises(ValueError, match=r"\S") if "nowhere" not in words[0] else pytest.raises(OSError, match=r"\S"):
        train(compose([*SINE, *words]))
    assert not Path("outputs").exists()


def test_what_was_in_the_folder_stays(command: Command) -> None:
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("keep")
    with pytest.raises(ValueError, match="hidden_size"):
        train(compose([*SINE, "core.hidden_size=-1"]), "mine")
    assert [path.name for path in Path("mine").rglob("*")] == ["notes.txt"]
    before = train(compose([*SINE, "trainer.max_steps=2"]), "run").folder
    files = {path: path.read_bytes() for path in before.rglob("*") if path.is_file()}
    with pytest.raises(FileExistsError):
        train(compose([*SINE, "core.hidden_size=-1"]), "run")
    assert command(*SINE, "core.hidden_size=-1", "hydra.run.dir=run") == 1
    assert {path: path.read_bytes() for path in before.rglob("*") if path.is_file()} == files


def test_a_run_that_broke_later_keeps_its_folder(command: Command) -> None:
    assert command(*SINE, "optimizer=sgd", "optimizer.lr=1e30") == 1
    (folder,) = Path("outputs/sine_stream").iterdir()
    assert (folder / "results.json").exists()


def test_a_job_of_a_sweep_that_was_refused_is_still_named(command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    assert command("-m", *SINE, "core.hidden_size=8,-1", "trainer.max_steps=2") == 1
    (sweep,) = Path("outputs/sine_stream").iterdir()
    assert [job.name for job in job_folders(sweep)] == ["0_hidden_size-8", "1_hidden_size--1"]
    assert "1 of 2 jobs did not finish" in capfd.readouterr().err
