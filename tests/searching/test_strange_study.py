"""A study's folder from a stranger: its best.yaml is config, and its files may be links."""

import os
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.support.attempts import SINE
from tests.support.searching import STUDY, WORDS

QUICK = [*SINE[1:], "callbacks=checkpoints", "trainer.max_steps=2", "test=false", "hydra.run.dir=run"]
BEST = """# @package _global_
defaults:
- sine_stream
- override /core: gru
- _self_
optimizer:
  lr: 0.02
"""


def best(text: str) -> None:
    Path("study/experiment").mkdir(parents=True)
    Path("study/experiment/best.yaml").write_text(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BEST + "hydra: {callbacks: {evil: {_target_: evil.Payload}}}\n", "says hydra, which only a command can say"),
        (BEST + "callbacks: {evil: {_target_: evil.Payload}}\n", "callbacks.evil._target_='evil.Payload'"),
        (BEST + "callbacks: {evil: {_target_: evil.Payload}}\ntrust: [evil.Payload]\n", "says trust, which only"),
        (BEST + "name: ${oc.env:HIDDEN}\n", "says ${oc.env:HIDDEN}, which asks for something to be looked up"),
        (BEST.replace("core: gru", "core: evil"), "chooses override /core=evil, a YAML of its own folder"),
        (BEST.replace("core: gru", "core: ../core/evil"), "which is no YAML of conf/"),
        (BEST.replace("/core: gru", "/core@hydra.callbacks.evil: gru"), "which is no YAML of conf/"),
        (BEST.replace("/core: gru", "hydra/job_logging: evil"), "which is no YAML of conf/"),
        (BEST.replace("/core: gru", "/logger: mlflow"), "sends to a server with seqmodels.loggers.mlflow.MLflow"),
        (BEST.replace("_global_", "hydra.callbacks.evil") + "_target_: evil.Payload\n", "is not as a search writes it"),
    ],
)
def test_its_best_yaml_says_no_more_than_a_search_writes(
    text: str, message: str, command: Command, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path.cwd()))
    monkeypatch.setenv("HIDDEN", "secret")
    Path("evil.py").write_text(
        "from pathlib import Path\nPath('owned').touch()\n"
        "from hydra.experimental.callback import Callback\nclass Payload(Callback): pass\n"
    )
    best(text)
    Path("study/core").mkdir()
    Path("study/core/evil.yaml").write_text("# @package hydra.callbacks\nevil: {_target_: evil.Payload}\n")
    assert command("--config-dir", "study", "+experiment=best", *QUICK) == 1
    shown = capfd.readouterr()
    assert message in shown.err
    assert "secret" not in shown.out + shown.err
    assert not Path("owned").exists()
    assert not Path("run").exists()


def test_what_a_search_writes_is_trained(command: Command) -> None:
    best(BEST)
    assert command("--config-dir", "study", "+experiment=best", *QUICK) == 0


@pytest.mark.parametrize("name", ["journal.log", "tune.log", "trials.csv", "figures", ".locks", "pipe"])
def test_no_link_of_a_study_is_followed(name: str, tune: Command, capfd: pytest.CaptureFixture[str]) -> None:
    STUDY.mkdir(parents=True)
    Path("diary").write_text("")
    if name == "pipe":
        os.mkfifo(STUDY / name)
    else:
        (STUDY / name).symlink_to(Path("diary").absolute())
    assert tune(*WORDS, "n_trials=1") == 1
    assert f"{name} is " in capfd.readouterr().err
    assert Path("diary").read_text() == ""
    assert [path.name for path in STUDY.iterdir()] == [name]
