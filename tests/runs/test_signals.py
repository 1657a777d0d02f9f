"""A signal means the same wherever it falls in a run: it ends with 128 + its number, saved, and goes on to the same."""

import json
import os
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
from matplotlib.figure import Figure

from tests.conftest import Command
from tests.support.attempts import DIGITS, SINE, assert_same_run, whole
from tests.support.killing import rows, start


class SignalledIn(pl.Callback):
    """Sends a signal to its own process once, in the hook of that name."""

    def __init__(self, hook: str, name: str) -> None:
        self.name, self.stage = name, hook.partition(":")[2]
        setattr(self, hook.partition(":")[0], self._send)

    def _send(self, trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:
        if not Path("sent").exists() and self.stage in ("", trainer.state.fn):
            Path("sent").touch()
            os.kill(os.getpid(), getattr(signal, self.name))


def signalled_in(hook: str, name: str) -> list[str]:
    words = {"_target_": f"{__name__}.{SignalledIn.__name__}", "hook": f"'{hook}'", "name": name}
    return [f"+callbacks.sent.{key}={value}" for key, value in words.items()]


@pytest.mark.parametrize(
    ("hook", "name"),
    [
        ("on_train_batch_start", "SIGHUP"),
        ("on_fit_end", "SIGINT"),
        ("on_test_end", "SIGTERM"),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in [
                ("setup:fit", "SIGTERM"),
                ("on_train_start", "SIGTERM"),
                ("on_train_batch_start", "SIGUSR2"),
                ("on_train_end", "SIGTERM"),
                ("on_fit_end", "SIGUSR1"),
                ("teardown:fit", "SIGUSR1"),
                ("setup:test", "SIGTERM"),
                ("on_test_start", "SIGHUP"),
                ("teardown:test", "SIGUSR1"),
            ]
        ),
    ],
)
def test_wherever_it_falls(command: Command, capfd: pytest.CaptureFixture[str], hook: str, name: str) -> None:
    words = [*SINE, "hydra.run.dir=stopped", *signalled_in(hook, name)]
    assert command(*words) == 128 + getattr(signal, name)
    shown = capfd.readouterr().err
    assert f"stopped by {name}; go on with: resume={Path('stopped').absolute()}" in shown
    assert "Traceback" not in shown
    over = hook in ("on_test_end", "teardown:test")
    status = "completed" if over else "interrupted"
    assert json.loads(Path("stopped/results.json").read_text())["status"] == status
    assert Path("stopped/figures/stream_test.png").exists() == over
    assert command("resume=stopped", f"trust=[{__name__}.{SignalledIn.__name__}]") == 0
    undisturbed = whole(SINE)
    assert_same_run(Path("stopped"), undisturbed)
    results, expected = (json.loads((run / "results.json").read_text()) for run in (Path("stopped"), undisturbed))
    assert results["status"] == "completed"
    assert results["metrics"] == expected["metrics"]


def status(folder: str = "stopped") -> str:
    return json.loads(Path(folder, "results.json").read_text())["status"]


SHORT = [*SINE, "trainer.max_steps=6", "hydra.run.dir=stopped"]


def send(name: str, *args: Any, **kwargs: Any) -> None:
    os.kill(os.getpid(), getattr(signal, name))


def test_in_a_figure_the_results_are_written_and_the_figures_drawn(
    command: Command, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    plain = Figure.savefig

    def saved(figure: Figure, *args: Any, **kwargs: Any) -> None:
        assert status() == "completed"
        send("SIGTERM")
        plain(figure, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", saved)
    assert command(*SHORT) == 143
    assert "Traceback" not in capfd.readouterr().err
    names = {path.name for path in Path("stopped/figures").iterdir()}
    assert names == {"stream_validation.png", "stream_test.png", "scatter.png"}
    assert command("resume=stopped") == 0
    assert "nothing to resume" in capfd.readouterr().out


def test_while_the_data_is_read(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("seqmodels.datamodules.synthetic.sine.SineStream.setup", partial(send, "SIGUSR1"))
        assert command(*SHORT) == 128 + signal.SIGUSR1
    assert status() == "interrupted"
    assert command("resume=stopped") == 0
    assert status() == "completed"


@pytest.mark.parametrize("callbacks", ["none", "checkpoints"])
def test_without_our_guards(command: Command, callbacks: str) -> None:
    words = [*SHORT[:3], *SHORT[4:], f"callbacks={callbacks}", *signalled_in("on_train_batch_start", "SIGTERM")]
    assert command(*words) == 143
    kept = {"last.ckpt"} if callbacks == "checkpoints" else set()
    assert {path.name for path in Path("stopped").rglob("*.ckpt")} == kept
    assert status() == "interrupted"


def test_what_nohup_ignores_stays_ignored(command: Command) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert command(*SHORT, *signalled_in("on_train_batch_start", "SIGHUP")) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_figure_cannot_fail_a_run(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: Any, **kwargs: Any) -> None:
        raise TypeError("no such colour")

    monkeypatch.setattr(Figure, "savefig", refused)
    assert command(*SHORT) == 0
    assert status() == "completed"
    assert (
        "StreamFigure cannot draw, which changes nothing else: TypeError: no such colour"
        in Path("stopped/train.log").read_text()
    )


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ([*SINE, "datamodule.num_workers=2"], "SIGTERM"),
        pytest.param([*SINE, "datamodule.num_workers=2"], "SIGUSR1", marks=pytest.mark.slow),
        pytest.param([*DIGITS, "datamodule.num_workers=2"], "SIGHUP", marks=pytest.mark.slow),
        pytest.param([*SINE, "trainer.devices=2", "trainer.strategy=ddp"], "SIGUSR1", marks=pytest.mark.slow),
    ],
)
def test_a_signal_to_the_whole_group(words: list[str], name: str) -> None:
    """As Slurm, systemd and timeout send it: workers and further ranks are in it too."""
    process = start([*words, "trainer.max_epochs=-1", "trainer.max_steps=100000", "hydra.run.dir=stopped"])
    while rows("stopped") < 10:
        assert process.is_alive(), Path("attempts.log").read_text()
        time.sleep(0.01)
    assert process.pid
    os.killpg(process.pid, getattr(signal, name))
    process.join()
    said = Path("attempts.log").read_text()
    assert process.exitcode == 128 + getattr(signal, name), said
    assert "Traceback" not in said
    assert "go on with: resume=" in said
    assert status() == "interrupted"
