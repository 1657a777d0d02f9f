"""Runs of several processes, as a user starts them: when one of them dies, all of them end, with one message."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import lightning.pytorch as pl
import psutil
import pytest
import torch

from seqmodels.distributed.launcher import Launcher
from seqmodels.distributed.supervised import use_supervised_launcher

ENDLESS = [
    *(sys.executable, "-m", "seqmodels.train", "+experiment=sine_stream", "trainer=ddp_cpu"),
    *("trainer.max_steps=1000000", "trainer.val_check_interval=1000000", "trainer.log_every_n_steps=1"),
    *("checkpoint.every_n_steps=20", "callbacks.animation.windows=0", "hydra.run.dir=run"),
]
LAST = Path("run/checkpoints/last.ckpt")

TROUBLE = """
import time
import lightning.pytorch as pl

class Trouble(pl.Callback):
    def __init__(self, rank: int, error: str) -> None:
        self.rank, self.error = rank, error

    def on_train_batch_end(self, trainer, *args) -> None:
        if trainer.global_step == 30 and self.rank in (trainer.global_rank, -1):
            if self.error == "hang":
                time.sleep(1000)
            if self.error == "ValueError" and trainer.global_rank == 0:
                time.sleep(2)  # so that a child that fails at this step too is dead by then
            raise {"ValueError": ValueError, "RuntimeError": RuntimeError}[self.error](f"by rank {trainer.global_rank}")
"""

TWO_RUNS = """
import os
from seqmodels.runs.run import compose, train

for name in ("first", "second"):
    words = ["+experiment=sine_stream", "trainer=ddp_cpu", "trainer.max_steps=5", "callbacks=none", "test=false"]
    before = set(os.environ.items())
    train(compose([*words, "trainer.val_check_interval=5"]), name)
    changed = {key for key, _ in before ^ set(os.environ.items())}
    print("left behind:", sorted(changed - {"PL_GLOBAL_SEED", "PL_SEED_WORKERS"}))
"""


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline, "nothing happened within 90 s"
        time.sleep(0.1)


def started(*words: str) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    """The run, in mid-training and with a checkpoint, and its child processes."""
    process = subprocess.Popen(
        [*ENDLESS, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    until(lambda: LAST.exists() or process.poll() is not None)
    return process, psutil.Process(process.pid).children(recursive=True)


def with_trouble(rank: int, error: str) -> list[str]:
    """Words for a callback that makes trouble in one rank; -1 is in all."""
    Path("trouble.py").write_text(TROUBLE)
    trouble = {"_target_": "trouble.Trouble", "rank": rank, "error": error}
    return [f"+callbacks.trouble.{key}={value}" for key, value in trouble.items()]


def ended(process: subprocess.Popen[str], children: list[psutil.Process]) -> str:
    """What they all said; none of them is left, be it as a zombie of the run."""
    try:
        said, _ = process.communicate(timeout=60)  # ends when the last of them has closed its output
        until(lambda: not any(alive(child) for child in children))
    finally:
        for child in children:
            if alive(child):
                child.kill()
        process.kill()
    return said


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def status() -> str:
    return json.loads(Path("run/results.json").read_text())["status"]


def test_every_strategy_that_starts_processes_has_our_launcher() -> None:
    for name in ("auto", "ddp", "ddp_find_unused_parameters_true"):
        trainer = pl.Trainer(accelerator="cpu", devices=2, strategy=name, logger=False, enable_checkpointing=False)
        use_supervised_launcher(trainer)
        assert type(trainer.strategy.launcher) is Launcher, name


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [2, 3])
def test_a_killed_rank_ends_the_run_with_one_message(ranks: int) -> None:
    process, children = started(f"trainer.devices={ranks}", "datamodule.num_streams=6")
    assert len(children) == ranks - 1
    children[-1].kill()
    said = ended(process, children)
    assert process.returncode == 1, said
    (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
    assert "rank " in line
    assert f"(pid {children[-1].pid}) was killed by SIGKILL" in line
    assert f"resume={Path('run').absolute()}" in line
    assert "Traceback" not in said
    assert status() == "failed"
    assert torch.load(LAST, weights_only=True)["global_step"] >= 20


@pytest.mark.slow
def test_children_do_not_outlive_rank_0() -> None:
    process, children = started()
    process.kill()
    said = ended(process, children)
    assert f"rank 1 ends: its rank 0 (pid {process.pid}) is gone" in said
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.parametrize("rank", [1, 0, -1])
def test_a_rank_that_fails_says_why_once(rank: int) -> None:
    process, children = started(*with_trouble(rank, "ValueError"))
    said = ended(process, children)
    assert process.returncode == 1, said
    assert said.count(f"error: by rank {max(rank, 0)}") == 1
    assert ("rank 1 (pid" in said) == (rank == 1)
    assert "Traceback" not in said
    assert status() == "failed"


@pytest.mark.slow
@pytest.mark.parametrize("rank", [1, -1])
def test_a_bug_keeps_its_traceback_and_shows_it_once(rank: int) -> None:
    """RuntimeError is also what a process gets whose neighbour is gone."""
    process, children = started(*with_trouble(rank, "RuntimeError"))
    said = ended(process, children)
    assert process.returncode == 1, said
    assert said.count("Traceback") == 1
    assert said.count("RuntimeError: by rank") == 1
    assert ("rank 1 (pid" in said) == (rank == 1)


@pytest.mark.slow
def test_a_killed_rank_ends_the_run_though_rank_0_hangs() -> None:
    """Under nccl rank 0 would wait in a collective; here it sleeps."""
    process, children = started(*with_trouble(0, "hang"))
    until(lambda: Path("run/metrics.csv").read_text().count("\n") >= 30)
    children[0].kill()
    said = ended(process, children)
    assert process.returncode == 1, said
    assert said.count("was killed by SIGKILL") == 1
    assert "Traceback" not in said
    assert LAST.exists()


@pytest.mark.slow
def test_ctrl_c_still_saves_and_says_interrupted() -> None:
    process, children = started()
    os.killpg(process.pid, signal.SIGINT)
    said = ended(process, children)
    assert process.returncode == 130, said
    assert "rank 1" not in said
    assert "Traceback" not in said
    assert status() == "interrupted"


@pytest.mark.slow
def test_a_run_leaves_nothing_to_the_next_one() -> None:
    Path("two_runs.py").write_text(TWO_RUNS)
    done = subprocess.run([sys.executable, "two_runs.py"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("left behind: []") == 2, done.stdout
    for folder in ("first", "second"):
        assert json.loads(Path(folder, "results.json").read_text())["steps"] == 5
