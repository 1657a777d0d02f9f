"""A sweep's folder from a stranger: `resume=` of it runs its jobs, and nothing else that its words ask for."""

from pathlib import Path

import pytest
import yaml

from seqmodels.sweeps.folder import command_to_resume
from tests.conftest import Command
from tests.support.attempts import SINE

QUICK = [*SINE, "callbacks=checkpoints", "trainer.max_steps=2", "test=false", "seed=1,2"]
CHECKPOINT = "+callbacks.evil._target_=lightning.pytorch.callbacks.ModelCheckpoint"
EVIL = "+callbacks.evil._target_=evil.Payload"


@pytest.fixture(autouse=True)
def _evil(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path.cwd()))
    monkeypatch.setenv("HIDDEN", "secret")
    Path("evil.py").write_text(
        "from pathlib import Path\nPath('owned').touch()\nfrom logging import NullHandler\n"
        "from hydra.experimental.callback import Callback\nclass Payload(Callback): pass\n"
    )
    Path("theirs").mkdir()
    Path("theirs/x.yaml").write_text("# @package hydra.callbacks\nevil:\n  _target_: evil.Payload\n")


def sweep_of(*task: str, hydra: list[str] | None = None) -> Path:
    folder = Path("sweep")
    folder.mkdir()
    overrides = {"task": list(task), "hydra": ["hydra.mode=MULTIRUN", *(hydra or [])]}
    (folder / "multirun.yaml").write_text(yaml.safe_dump({"hydra": {"overrides": overrides}}))
    return folder


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([EVIL], "callbacks.evil._target_='evil.Payload'"),
        ([EVIL, "trust=[evil.Payload]"], "add trust=[evil.Payload]"),
        (["+hydra.callbacks.evil._target_=evil.Payload"], "is about Hydra itself"),
        (["hydra.searchpath=[theirs]", "+core=x"], "is about Hydra itself"),
        (["+core@hydra.callbacks.evil=gru"], "is about Hydra itself"),
        (["+experiment@_global_=gru"], "is not about what a job is"),
        (["++core=../../theirs/x"], "chooses what is no YAML of conf/"),
        (["core=/theirs/x,gru"], "chooses what is no YAML of conf/"),
        (["callbacks=[default,../theirs/x]"], "chooses what is no YAML of conf/"),
        (["--config-dir=theirs"], "is no override"),
        (["name=${oc.env:HIDDEN}"], "asks for something to be looked up"),
        (["+datamodule.notes={a: '${oc.env:HIDDEN}'}"], "asks for something to be looked up"),
        ([CHECKPOINT, "+callbacks.evil.dirpath=/outside"], "callbacks.evil.dirpath=/outside"),
        (["logger=mlflow", "logger.mlflow.tracking_uri=http://127.0.0.1:9"], "which sends to a server"),
        (["datamodule.seed=1", "resume=auto"], "is not about what a job is"),
    ],
)
def test_its_words_cannot_do_more_than_say_what_a_job_is(
    words: list[str], message: str, command: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    sweep_of(*QUICK, *words)
    assert command("resume=sweep") == 1
    shown = capfd.readouterr()
    assert message in shown.err
    assert "Traceback" not in shown.err
    assert "secret" not in shown.out + shown.err
    assert not Path("owned").exists()


def test_of_its_words_about_hydra_the_launcher_alone_counts(
    command: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    evil = ["+hydra.callbacks.evil._target_=evil.Payload", "hydra.job_logging.root.handlers=[]"]
    folder = sweep_of(*QUICK, hydra=["hydra/launcher=basic", *evil])
    assert command_to_resume(folder, [])[-1] == "hydra/launcher=basic"
    capfd.readouterr()
    assert command("resume=sweep") == 0
    assert f"not taken from sweep/multirun.yaml: {' '.join(evil)}" in capfd.readouterr().out
    assert not Path("owned").exists()
    assert len([place for place in folder.iterdir() if (place / "results.json").is_file()]) == 2


@pytest.mark.parametrize("hydra", ["hydra/launcher=../../theirs/x", "hydra/launcher=evil", "hydra/launcher=[basic]"])
def test_a_launcher_that_is_not_known_here_is_not_taken(hydra: str) -> None:
    assert command_to_resume(sweep_of(*QUICK, hydra=[hydra]), [])[-1].startswith("hydra.callbacks.sweep.from_folder")


def test_how_the_jobs_were_made_is_said_again(command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    """Words that change what the jobs are cannot be left out in silence."""
    sweep_of(*QUICK, hydra=["+hydra.sweeper.params.core=gru,lstm"])
    assert command("resume=sweep") == 1
    assert "say its whole command again beside resume=sweep" in capfd.readouterr().err


@pytest.mark.parametrize("place", ["multirun.yaml", "0_core-lstm", "0_lstm/train.log", "1_x/checkpoints"])
def test_no_link_of_a_sweep_is_followed(place: str, command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    path = sweep_of(*QUICK) / place
    path.parent.mkdir(exist_ok=True)
    if place == "multirun.yaml":
        path.rename("theirs/multirun.yaml")
    path.symlink_to(Path("theirs/multirun.yaml").absolute())
    before = {path: path.read_bytes() for path in Path.cwd().rglob("*") if path.is_file()}
    assert command("resume=sweep") == 1
    assert f"{place} is a link to " in capfd.readouterr().err
    assert {path: path.read_bytes() for path in Path.cwd().rglob("*") if path.is_file()} == before


def test_the_users_own_sweep_goes_on_with_one_word(command: Command) -> None:
    assert command("-m", *QUICK, "hydra.sweep.dir=sweep") == 0
    job = next(place for place in sorted(Path("sweep").iterdir()) if place.is_dir())
    (job / "results.json").unlink()
    assert command("resume=sweep") == 0
    assert (job / "results.json").exists()
