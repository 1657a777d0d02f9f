"""A trained run, loaded and tested again: the same numbers, other data, and nothing of the run touched."""

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
import yaml

from seqmodels import load_run
from seqmodels.config.compose import merge
from seqmodels.reporting.folders import runs_below
from seqmodels.runs.columns import check_columns
from seqmodels.runs.evaluate import evaluate
from seqmodels.runs.run import compose, train
from tests.conftest import Command
from tests.support.attempts import DIGITS, SINE

KINDS = {
    "sine": [*SINE, "trainer.max_steps=6"],
    "digits": [*DIGITS, "trainer.max_epochs=1", "datamodule.normalize=true"],
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of finished runs, which no test changes."""
    torch.set_num_threads(1)
    place = tmp_path_factory.mktemp("runs")
    return {kind: train(compose(words), place / kind, words).folder for kind, words in KINDS.items()}


@pytest.fixture(params=KINDS)
def trained(request: pytest.FixtureRequest, finished: dict[str, Path]) -> Path:
    """Each of them."""
    return finished[request.param]


@pytest.fixture
def run(tmp_path: Path, finished: dict[str, Path]) -> Path:
    """The folder of a run of its own for each test."""
    return Path(shutil.copytree(finished["sine"], tmp_path / "run"))


class SignalledInTest(pl.Callback):
    """Sends a signal to the process in the first batch of a test."""

    def __init__(self, name: str) -> None:
        self.name = name

    def on_test_batch_start(self, *args: Any) -> None:
        os.kill(os.getpid(), getattr(signal, self.name))


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
@pytest.mark.parametrize("callbacks", ["default", "none"])
def test_a_signal_ends_it(
    run: Path, invoke: Command, capfd: pytest.CaptureFixture[str], name: str, code: int, callbacks: str
) -> None:
    kind = f"{__name__}.{SignalledInTest.__name__}"
    words = [f"callbacks={callbacks}", f"+callbacks.signalled._target_={kind}", f"+callbacks.signalled.name={name}"]
    assert invoke("evaluate", f"run={run}", f"trust={kind}", *words) == code
    assert f"stopped by {name}" in capfd.readouterr().err
    assert not (run / "evaluations").exists()


def contents(folder: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and "evaluations" not in p.parts}


def test_the_same_data_gives_the_runs_own_numbers(trained: Path, invoke: Command) -> None:
    before = contents(trained)
    assert invoke("evaluate", f"run={trained}", "output=again") == 0
    found = json.loads(Path("again", "results.json").read_text())
    own = json.loads((trained / "results.json").read_text())
    assert found["metrics"] == {name: value for name, value in own["metrics"].items() if name.startswith("test/")}
    assert len(found["metrics"]) >= 2
    assert found["checkpoint"] == str(trained / "checkpoints" / "best.ckpt")
    assert list(Path("again", "figures").glob("*.png"))
    assert contents(trained) == before


def test_other_data_gives_other_numbers_beside_the_run(run: Path, invoke: Command) -> None:
    before = contents(run)
    for _ in range(2):
        assert invoke("evaluate", f"run={run}", "datamodule.noise_std=0.7", "checkpoint=last") == 0
    assert contents(run) == before
    first, second = (json.loads(path.read_text()) for path in (run / "evaluations").glob("*/results.json"))
    assert first["metrics"] == second["metrics"]
    own = json.loads((run / "results.json").read_text())["metrics"]
    assert first["metrics"]["test/loss"] != own["test/loss"]
    assert first["overrides"] == ["datamodule.noise_std=0.7"]
    assert len(runs_below([run.parent])[0]) == 1  # an evaluation is not a run


def test_the_checkpoint_that_is_asked_for(run: Path, invoke: Command) -> None:
    names = {}
    weights = {name: torch.load(run / "checkpoints" / f"{name}.ckpt") for name in ("best", "last", "previous")}
    torch.save(weights["previous"], "mine.ckpt")
    for word in ("best", "last", "mine.ckpt"):
        loaded = load_run(run, word)
        names[word] = loaded.checkpoint.name
        expected = weights["previous" if word == "mine.ckpt" else word]["state_dict"]
        assert all(torch.equal(value, expected[name]) for name, value in loaded.module.state_dict().items())
    assert names == {"best": "best.ckpt", "last": "last.ckpt", "mine.ckpt": "mine.ckpt"}

    (run / "checkpoints" / "last.ckpt").write_bytes(b"damaged")
    assert load_run(run, "last").checkpoint.name == "previous.ckpt"
    (run / "checkpoints" / "best.ckpt").unlink()
    assert load_run(run).checkpoint.name == "previous.ckpt"
    with pytest.raises(FileNotFoundError, match=r"checkpoint=best: there is no .*best.ckpt; .*the run has last.ckpt"):
        load_run(run, "best")
    (run / "checkpoints" / "previous.ckpt").unlink()
    with pytest.raises(ValueError, match=r"last.ckpt cannot be read"):
        load_run(run)
    (run / "checkpoints" / "last.ckpt").unlink()
    assert invoke("evaluate", f"run={run}") == 1


def test_a_loaded_module_predicts_as_the_trained_one_did(trained: Path) -> None:
    loaded = load_run(str(trained))
    assert not loaded.module.training
    x = torch.rand(3, 8, loaded.module.core.input_size)
    with torch.no_grad():
        whole, _ = loaded.module(x)
        _, state = loaded.module(x[:, :5])
        rest, _ = loaded.module(x[:, 5:], state)
    torch.testing.assert_close(rest[:, -1:] if rest.dim() == 3 else rest, whole[:, -1:] if whole.dim() == 3 else whole)
    saved = torch.load(loaded.checkpoint)["state_dict"]
    assert all(torch.equal(value, saved[name]) for name, value in loaded.module.state_dict().items())


def test_statistics_of_another_version_are_refused() -> None:
    lines = [f"{step},{step % 7}" for step in range(300)]
    Path("wave.csv").write_text("\n".join(["step,height", *lines]))
    words = ["datamodule=series", "datamodule.files=[wave.csv]", "datamodule.inputs=[height]", "datamodule.horizon=1"]
    words += ["datamodule.targets=[step]", "module=regressor", "monitor=val/loss", "mode=min", "callbacks=checkpoints"]
    folder = train(compose([*words, "trainer=cpu", "trainer.max_steps=1"]), "series").folder
    contents = torch.load(folder / "checkpoints" / "last.ckpt")
    del contents["SeriesStream"]["season"]
    torch.save(contents, "older.ckpt")
    with pytest.raises(ValueError, match=r"older.ckpt: what was learned .* another version of seqmodels .*season"):
        load_run(folder, "older.ckpt")


@pytest.mark.parametrize(
    ("inputs", "targets", "message"),
    [
        (["load", "rpm"], ["heat"], r"datamodule.inputs=\[load,rpm\] has 'load' in the place .* =\[rpm,load\]; give"),
        (["rpm"], ["load"], r"datamodule.targets=\[load\] has 'load' in the place"),
        (["rpm", "heat"], ["heat"], r"datamodule.inputs=\[rpm,heat\] has 'heat' in the place"),
        (["rpm", "load"], ["heat"], None),
        (["drehzahl", "last"], ["temperatur"], None),
        (["rpm", "last"], ["heat"], None),
    ],
)
def test_columns_of_the_training_keep_their_places(inputs: list[str], targets: list[str], message: str | None) -> None:
    trained = {"inputs": ["rpm", "load"], "targets": ["heat"]}
    refused = pytest.raises(ValueError, match=message.replace(" =", ".*=")) if message else nullcontext()
    with refused:
        check_columns(trained, {"inputs": inputs, "targets": targets})


def test_loading_reads_no_data() -> None:
    words = ["+experiment=mnist_lstm", "datamodule.root=nowhere", "trainer.max_steps=2", "test=false", *DIGITS[1:3]]
    folder = train(compose(words), "run", words).folder  # on the digits that stand in
    path = folder / ".hydra" / "config.yaml"
    path.write_text(path.read_text().replace("fallback: digits", "fallback: null"))
    assert load_run(folder).datamodule.class_names == [str(digit) for digit in range(10)]


def test_words_of_earlier_resumes_count(run: Path) -> None:
    (run / ".hydra" / "resumed.yaml").write_text("- ['datamodule.num_workers=3']\n")
    assert load_run(run).datamodule.num_workers == 3
    assert load_run(run, overrides=["datamodule.num_workers=1"]).datamodule.num_workers == 1


def test_a_config_from_a_stranger_executes_nothing(run: Path, invoke: Command) -> None:
    path = run / ".hydra" / "config.yaml"
    config = yaml.safe_load(path.read_text())
    config["callbacks"]["extra"] = {"_target_": "os.system", "command": "touch owned"}
    path.write_text(yaml.safe_dump(config))
    assert invoke("evaluate", f"run={run}") == 1
    with pytest.raises(ValueError, match=r"callbacks.extra._target_='os.system'"):
        load_run(run)
    assert not Path("owned").exists()


def test_what_the_user_trusts_is_used(run: Path, invoke: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path.cwd()))
    Path("theirs.py").write_text(
        "from lightning.pytorch import Callback\nclass Theirs(Callback):\n"
        "    def on_test_start(self, *args): open('used', 'w').close()\n"
    )
    path = run / ".hydra" / "config.yaml"
    path.write_text(path.read_text().replace("callbacks:\n", "callbacks:\n  extra: {_target_: theirs.Theirs}\n"))
    assert invoke("evaluate", f"run={run}") == 1
    assert invoke("evaluate", f"run={run}", "trust=theirs.Theirs") == 0
    assert Path("used").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["output=x"], "run= is missing; give run=outputs/NAME/DATE_TIME"),
        (["run=nowhere"], "nowhere is not the folder of a run: there is no"),
        (["run=RUN", "chekpoint=best"], "chekpoint is not a key of this command; did you mean checkpoint?"),
        (["run=RUN", "best"], "best is not key=value; the keys are run, checkpoint, trust, output"),
        (["run=RUN", "checkpoint=first"], "checkpoint=first: there is no first; choose best, last or the path"),
        (
            ["run=RUN", "datamodule.noise=0.1"],
            "datamodule.noise is not known to seqmodels.datamodules.synthetic.sine.SineStream",
        ),
        (["run=RUN", "datamodule.noise_std=loud"], "datamodule.noise_std='loud' has the wrong type str"),
        (["run=RUN", "datamodule.noise_std=-1"], "datamodule.noise_std=-1 is too small"),
        (["run=RUN", "datamodule.frequency=[1"], "datamodule.frequency=[1 cannot be read: no viable alternative"),
        (["run=RUN", "datamodule.frequency=[*.csv]"], "datamodule.frequency=['*.csv'] has the wrong type list"),
        (["run=RUN", "datamodule.test_windows=0"], "the data of 'sine' has no test part"),
        (
            ["run=RUN", "core.hidden_size=9"],
            "this model: core.rnn.bias_hh_l0 is 32 there and 36 here",
        ),
        (
            ["run=RUN", "core._target_=os.system"],
            "core._target_='os.system', which is not a part",
        ),
        (["run=RUN", "core=gru"], "do not fit this model"),
        (["run=RUN", "core=gur"], "core=gur cannot be read: Could not find 'core/gur'; choose core=gru, min_gru"),
        (["run=RUN", "seed=1,2"], "seed=1,2 cannot be read: it must give a key one value"),
        (["run=RUN", "~callbacks.figure"], "~callbacks.figure cannot be read: there is no callbacks.figure"),
        (["run=RUN", "+experiment=sine_rnn"], "+experiment=sine_rnn cannot be read: it is for a command that begins"),
        (["run=RUN", "hydra.run.dir=x"], "hydra.run.dir=x cannot be read: it is for a command that begins a run"),
        (["run=RUN", "trainer.accelerator=gpu"], "trainer.accelerator=gpu but torch sees no GPU here"),
        (["run=RUN", "output=RUN"], "exists and will not be overwritten; choose another folder"),
        (["run=RUN", "trainer.devices=2"], "trainer.devices=2: a run is tested by one process on one device"),
    ],
)
def test_wrong_words(
    words: list[str], message: str, finished: dict[str, Path], invoke: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    trained = finished["sine"]
    if "sees no GPU" in message and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    before = contents(trained)
    assert invoke("evaluate", *(word.replace("RUN", str(trained)) for word in words)) == 1
    errors = capfd.readouterr().err
    assert message in errors
    assert "Traceback" not in errors
    assert contents(trained) == before
    assert not (trained / "evaluations").exists()


def test_help(invoke: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke("evaluate", "--help") == 0
    assert "python -m seqmodels.evaluate run=outputs/" in capsys.readouterr().out


def test_importing_the_package_is_free() -> None:
    code = "import seqmodels, seqmodels.evaluate, sys; assert not {'torch', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    import seqmodels

    with pytest.raises(AttributeError, match="nothing"):
        seqmodels.nothing  # noqa: B018


def test_values_are_yaml() -> None:
    cfg = compose(KINDS["sine"])
    merge(cfg, ["datamodule.phase=[0, 1.5]", "datamodule.span=null", "trainer.new.key=x"])
    assert (cfg.datamodule.phase, cfg.datamodule.span, cfg.trainer.new.key) == ([0, 1.5], None, "x")


def test_what_watched_the_training_need_not_be_here_to_load_it(run: Path) -> None:
    """A machine that only predicts lacks the package of a callback of yours; a test that draws wants it."""
    path = run / ".hydra" / "config.yaml"
    config = yaml.safe_load(path.read_text())
    config["callbacks"]["mine"] = {"_target_": "mypackage_of_another_machine.Watch"}
    path.write_text(yaml.safe_dump(config))
    trust = ["mypackage_of_another_machine.Watch"]
    assert load_run(run, trust=trust).module(torch.zeros(1, 2, 1))[0].shape == (1, 2, 1)
    with pytest.raises(
        ValueError, match=r"callbacks\.mine\._target_=mypackage_of_another_machine\.Watch cannot be imported"
    ):
        evaluate(run, trust=trust)
