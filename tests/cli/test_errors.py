"""Wrong input: one message with the remedy, an exit code, no traceback, nothing lost."""

import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from seqmodels.cli.command import run_command

Command = Callable[..., int]


def only_run() -> Path:
    (folder,) = Path("outputs").glob("*/*")
    return folder


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["datamodule.viw=rows"], "datamodule.viw"),
        (["core.hiden_size=4"], "core.hiden_size is no key of this config; did you mean core.hidden_size?"),
        (["corr=gru"], "corr is no key of this config; did you mean core?"),
        (["xyz=1"], "xyz is no key of this config; --cfg job shows all keys"),
        (["callbacks={}"], "callbacks={} chooses no YAML of conf/callbacks; give a name, callbacks=NAME, or a list"),
        (["logger=[1,2]"], "logger=[1,2] chooses no YAML of conf/logger; give a name, logger=NAME, or a list"),
        (["monitor=1e400"], "monitor=inf"),
        (["optimizer._partial_=0"], "optimizer._partial_=0 is not known; choose true or false"),
        (["trainer.devices=0x10"], "trainer.devices=0x10 is not known; give a number, a list of GPUs"),
        (
            ["name=../x"],
            "error: name='../x' is no folder inside outputs/; give letters, digits, '.', '_' and '-'\n(HYDRA",
        ),
        (
            ["name=" + "a" * 300],
            "...: File name too long; no file system takes so long a name; give one of at most 255",
        ),
        (["core=lstn"], "Could not find 'core/lstn'"),
        (["+experiment=mnist"], "Could not find 'experiment/mnist'; choose experiment="),
        (
            ["+experiment=state_tracking/lstn"],
            "Could not find 'experiment/state_tracking/lstn'; choose experiment=state_tracking/lstm, state_tracking/s",
        ),
        (["#", "a", "comment"], "# is a comment that the shell passed on; leave it out, and what comes behind it"),
        (["# a comment"], "# a comment is a comment that the shell passed on"),
        (["+core.hidden=3"], "core.hidden is not known to seqmodels.cores.recurrent.LSTM"),
        (["datamodule.batch_size=many"], "datamodule.batch_size='many' has the wrong type str; expected int"),
        (["datamodule.view=row"], "datamodule.view=row is not known; choose rows, columns or pixels"),
        (["datamodule.val_size=5000"], "datamodule.val_size=5000 leaves nothing to train on"),
        (["datamodule.batch_size=0"], "datamodule.batch_size=0 is too small; give an integer of at least 1"),
        (["core.hidden_size=-3"], "core.hidden_size=-3 is too small"),
        (["core.dropout=1.5"], "core.dropout=1.5 is outside [0, 1)"),
        (["module.dropout=1"], "module.dropout=1 is outside [0, 1)"),
        (["optimizer.lr=-1"], "optimizer.lr=-1 is too small; give a number of at least 0"),
        (
            ["module=regressor"],
            "StreamRegressor does regression, but the data 'digits' is for classification; use module=cl",
        ),
        (["datamodule=sine", "trainer.max_steps=3"], "use module=regressor with it"),
        (["datamodule=sine", "module=regressor"], "set trainer.max_steps"),
        (["seed=one"], "seed='one' has the wrong type str; expected int"),
        (["threads=0"], "threads=0 is too small; give an integer of at least 1"),
        (["test=always"], "test=always is not known; choose best, last or false"),
        (["threads=many"], "threads=many is not known; give an integer or auto"),
        (["optimizer.lr=[1"], "optimizer.lr=[1 cannot be read: no viable alternative"),
        (["callbacks=diagnostics", "callbacks.diagnostics.every=0"], "callbacks.diagnostics.every=0 is too small"),
        (["mode=most"], "mode=most is not known; choose min or max"),
        (["monitor=val/accuracy"], "val/accuracy"),
        (["monitor=val/loss"], "mode=max, but val/loss is better the lower it is; give mode=min with it"),
        (["monitor=test/acc"], "monitor=test/acc is measured when all is over; choose monitor=val/acc"),
        (["search=sine_stream"], "is for a search: python -m seqmodels.tune"),
        (["checkpoint.every_n_steps=0"], "checkpoint.every_n_steps=0 is too small; give an integer of at least 1"),
    ],
)
def test_wrong_input(command: Command, capfd: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    datamodule = [] if any(word.startswith("datamodule=") for word in words) else ["datamodule=digits"]
    assert command(*datamodule, "trainer=cpu", *words) == 1
    shown = capfd.readouterr()
    assert message in shown.err
    assert "Traceback" not in shown.out + shown.err


@pytest.mark.skipif(torch.cuda.is_available() or torch.backends.mps.is_available(), reason="there is a GPU")
def test_no_gpu(command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    assert command("datamodule=digits", "trainer=gpu") == 1
    assert "trainer.accelerator=gpu but torch sees no GPU here" in capfd.readouterr().err


def test_a_folder_that_cannot_be_made(command: Command, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    assert command("datamodule=digits", f"hydra.run.dir={tmp_path}/file/run") == 1
    shown = capfd.readouterr().err
    assert f"{tmp_path}/file" in shown
    assert "; a file lies where a folder is needed; choose another place\n" in shown
    assert "Traceback" not in shown
    assert (tmp_path / "file").read_text() == "mine"


def test_a_run_is_never_overwritten(command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    words = ["+experiment=sine_rnn", "hydra.run.dir=mine", "callbacks.animation.windows=0", "test=false"]
    assert command(*words) == 0
    before = {path: path.read_bytes() for path in Path("mine").rglob("*") if path.is_file()}
    assert command(*words, "seed=2") == 1
    assert "mine holds a run already" in capfd.readouterr().err
    assert {path: path.read_bytes() for path in Path("mine").rglob("*") if path.is_file()} == before


def test_full_error_shows_where(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["seqmodels-train", "datamodule=digits", "datamodule.view=row"])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    from seqmodels import train

    with pytest.raises(ValueError, match="view"):
        run_command(train.command)


def test_a_loss_that_is_no_number(command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    """The sixth window makes the weights overflow; the checkpoint of step 4 stays."""
    words = [
        "+experiment=sine_rnn",
        "optimizer=sgd",
        "optimizer.lr=1e30",
        "checkpoint.every_n_steps=1",
    ]
    assert command(*words, "trainer.max_steps=50", "callbacks.animation.windows=0") == 1
    shown = capfd.readouterr().err
    assert "train/loss became" in shown
    assert " in batch " in shown
    assert "optimizer.lr" in shown
    folder = only_run()
    assert json.loads((folder / "results.json").read_text())["status"] == "failed"
    weights = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert all(tensor.isfinite().all() for tensor in weights.values())


def test_ctrl_c(command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    """A real SIGINT in the middle of training: the step is finished, saved and reported."""

    def interrupt() -> None:
        while not list(Path("outputs").glob("*/*/metrics.csv")):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    before = signal.getsignal(signal.SIGINT)
    code = command("+experiment=sine_stream", "trainer=cpu", "trainer.max_steps=1000000", "trainer.log_every_n_steps=1")
    assert code == 130
    assert signal.getsignal(signal.SIGINT) is before
    results = json.loads((only_run() / "results.json").read_text())
    assert results["status"] == "interrupted"
    assert results["metrics"]["train/loss_mean"] > 0
    last = torch.load(only_run() / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["global_step"] == results["steps"] > 0
    assert "Traceback" not in capfd.readouterr().err


def test_two_ctrl_c_leave_at_once(command: Command) -> None:
    def interrupt() -> None:
        while not list(Path("outputs").glob("*/*/metrics.csv")):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    words = ["+experiment=sine_stream", "trainer=cpu", "trainer.max_steps=1000000", "trainer.log_every_n_steps=1"]
    assert command(*words) == 130
    assert json.loads((only_run() / "results.json").read_text())["status"] == "interrupted"


def test_a_sweep(command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    """`-m` in the middle; a failing job does not stop the others, and the exit code tells."""
    code = command(
        "+experiment=sine_rnn", "test=false", "callbacks=none", "-m", "core=rnn,gru", "trainer.max_steps=3,-5"
    )
    assert code == 1
    folders = {
        path.parent.name: json.loads(path.read_text())
        for path in Path("outputs").glob("sine_rnn/sweep_*/*/results.json")
    }
    assert {name: results["status"] for name, results in folders.items()} == {
        "0_core-rnn_max_steps-3": "completed",
        "1_core-rnn_max_steps--5": "failed",
        "2_core-gru_max_steps-3": "completed",
        "3_core-gru_max_steps--5": "failed",
    }
    shown = capfd.readouterr().err
    for number in (1, 3):
        assert re.search(f"job {number}_.* failed: trainer.max_steps=-5 does nothing", shown)
        assert re.search(
            f"  {number}_.*: trainer.max_steps=-5 does nothing", shown.partition("2 of 4 jobs did not finish")[2]
        )
