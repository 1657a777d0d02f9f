"""Exact resume of runs of several processes: kills, signals, and another number of ranks."""

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.distributed.test_ranks import ended, psutil, status, until
from tests.support.attempts import DIGITS, SINE, TRUST, assert_same_run, callback, checkpoint, same
from tests.support.killing import rows

pytestmark = pytest.mark.slow

TRAIN = [sys.executable, "-m", "seqmodels.train"]
KINDS = {
    "sine": [*SINE, "trainer.max_steps=150", "trainer.val_check_interval=30", "module.backprop_windows=2"],
    "digits": [*DIGITS, "trainer.max_epochs=15", "datamodule.val_size=181"],  # 1,256 images, an even number
}
PATH = str(ROOT)


def run(*words: str) -> None:
    done = subprocess.run(
        [*TRAIN, *words],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "PYTHONPATH": PATH},
    )
    assert done.returncode == 0, done.stderr


def killed(words: list[str], folder: str, at: int) -> None:
    """Rank 0 is killed; the others end by themselves."""
    process = subprocess.Popen([*TRAIN, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    until(lambda: rows(folder) >= at or process.poll() is not None)
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    ended(process, children)
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("kind", KINDS)
def test_killed_twice_with_two_ranks(kind: str) -> None:
    words = [*KINDS[kind], "trainer=ddp_cpu"]
    run(*words, "hydra.run.dir=whole")
    killed([*words, "hydra.run.dir=run"], "run", 40)
    killed(["resume=run"], "run", 90)
    run("resume=run")
    assert_same_run(Path("run"), Path("whole"))
    assert len(checkpoint(Path("run"))["rng"]) == 2


def test_killed_with_two_ranks_that_read_tokens() -> None:
    words = [
        "+experiment=recall", "trainer=ddp_cpu", "threads=1", "callbacks=checkpoints", "logger=csv", "core=slstm",
        "core.hidden_size=8", "datamodule.embedding=learned", "module.embedding=8", "trainer.max_steps=30",
        "trainer.val_check_interval=10", "trainer.log_every_n_steps=1", "datamodule.val_size=20",
        "datamodule.test_size=20", "checkpoint.every_n_steps=3",
    ]  # fmt: skip
    run(*words, "hydra.run.dir=whole")
    killed([*words, "hydra.run.dir=run"], "run", 12)
    run("resume=run")
    assert_same_run(Path("run"), Path("whole"))


SWITCHES = [pytest.param("ddp_cpu", "cpu", id="2 to 1"), pytest.param("cpu", "ddp_cpu", id="1 to 2")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("before", "after"), SWITCHES)
def test_another_number_of_ranks(kind: str, before: str, after: str) -> None:
    switched(kind, before, after)


def test_another_number_of_ranks_with_an_integer_in_the_state() -> None:
    switched("sine", "ddp_cpu", "cpu", "core=attention")


def switched(kind: str, before: str, after: str, *settings: str) -> None:
    """At the switch nothing changes; then the losses drift apart by rounding only."""
    words = [*KINDS[kind], "test=false", "scheduler=none", f"trainer={before}", *callback("AtStep", step=43), *settings]
    words += {"digits": ["module.dropout=0.0", "datamodule.shift=0"], "sine": []}[kind]  # each rank draws its own
    run(*words, "trainer.max_steps=43", "hydra.run.dir=run")
    run(*words, "trainer.max_steps=63", "hydra.run.dir=whole")
    run("resume=run", f"trainer={after}", "trainer.max_steps=63", TRUST)
    one, two = {"cpu": ("with1", "with2"), "ddp_cpu": ("with2", "with1")}[before]
    left, taken_up = checkpoint(Path("whole"), one), checkpoint(Path("run"), two)
    assert taken_up["position"]["step"] == 43
    for key in ("state_dict", "optimizer_states", "position"):
        assert same(left[key], taken_up[key]), key
    if kind == "sine":
        for key in ("state", "history", "windows"):
            assert same(left["carry"][key], taken_up["carry"][key]), key
    ours, theirs = losses("run"), losses("whole")
    assert ours[:43] == theirs[:43]
    assert len(ours) == len(theirs) == 63
    assert ours[43:] == pytest.approx(theirs[43:], rel=1e-5)
    print("largest relative difference", max(abs(a / b - 1) for a, b in zip(ours[43:], theirs[43:], strict=True)))


def losses(folder: str) -> list[float]:
    with Path(folder, "metrics.csv").open() as file:
        return [float(row["train/loss"]) for row in csv.DictReader(file) if row["train/loss"]]


def test_sigterm_to_one_rank_stops_all_at_the_same_step() -> None:
    words = [*KINDS["sine"], "trainer=ddp_cpu", "trainer.max_steps=100000", "checkpoint.every_n_steps=null"]
    words += ["trainer.val_check_interval=1000"]
    process = subprocess.Popen(
        [*TRAIN, *words, "hydra.run.dir=run"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    until(lambda: rows("run") >= 40 or process.poll() is not None)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    said = ended(process, children)
    assert process.returncode == 143, said
    assert "stopped by SIGTERM" in said
    assert "Traceback" not in said
    assert status() == "interrupted"
    assert checkpoint(Path("run"))["position"]["step"] == rows("run")


def test_a_lost_rank_and_the_run_goes_on() -> None:
    words = [*KINDS["digits"], "trainer=ddp_cpu"]
    run(*words, "hydra.run.dir=whole")
    process = subprocess.Popen(
        [*TRAIN, *words, "hydra.run.dir=run"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    until(lambda: rows("run") >= 50 or process.poll() is not None)
    children = psutil.Process(process.pid).children(recursive=True)
    children[0].kill()
    said = ended(process, children)
    assert process.returncode == 1, said
    assert "rank 1" in said
    assert "SIGKILL" in said
    run("resume=run")
    assert_same_run(Path("run"), Path("whole"))
    assert same(checkpoint(Path("run"), "best")["state_dict"], checkpoint(Path("whole"), "best")["state_dict"])
