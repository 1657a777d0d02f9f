"""Jobs that share a process are what they would be alone: their numbers, their files, their ends."""

import csv
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig

from seqmodels.exceptions import reason
from seqmodels.runs.run import compose, resume, train
from seqmodels.stacking import crew as crews
from seqmodels.stacking.crew import APART, Crew, ways_of
from seqmodels.sweeps.folder import job_folders
from seqmodels.sweeps.stacks import reason_against, shared_out, stacked
from tests.support.attempts import DIGITS, SINE, checkpoint
from tests.support.killing import rows

Command = Callable[..., int]

STOPPING = ["callbacks=[checkpoints,early_stopping]", "callbacks.early_stopping.patience=1", "optimizer.lr=0.0"]
DIFFERENT: list[list[str]] = [
    ["seed=1", "scheduler=none"],
    ["seed=2", "optimizer.lr=0.003", "trainer.gradient_clip_val=0.05"],
    ["seed=3", "optimizer.lr=1e300", "callbacks=default"],  # becomes NaN
    ["seed=4", "trainer.max_steps=6", "datamodule.noise_std=0.3"],  # ends earlier
    ["seed=5", *STOPPING],
    ["seed=6", "optimizer=sgd", "scheduler=none", "trainer.log_every_n_steps=7"],
]
"""What jobs of one shape may differ in."""


def only(way: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """One way of computing, and none but it; None leaves the choice."""
    if way:
        monkeypatch.setattr(crews, "ways_of", lambda *given: {way: ways_of(*given)[way], APART: None})
        monkeypatch.setattr(crews.Choice, "took", lambda *given: None)


def run_one(words: list[str], folder: str) -> dict[str, float]:
    return train(compose(words), folder).metrics


def run_all(common: list[str], jobs: list[list[str]]) -> tuple[list[Any], list[Any]]:
    """How they end alone, in alone/N, and together, in crew/N."""
    alone = []
    for number, words in enumerate(jobs):
        try:
            alone.append(run_one([*common, *words], f"alone/{number}"))
        except ValueError as error:
            alone.append(reason(error))
    with Crew() as crew:
        ends = crew.run(
            [lambda n=n, words=words: run_one([*common, *words], f"crew/{n}") for n, words in enumerate(jobs)]
        )
    return alone, [end.error or end.value for end in ends]


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def assert_same(ours: Any, theirs: Any, tolerance: float, where: str = "") -> None:
    """Numbers to the tolerance, all else the same."""
    if isinstance(theirs, torch.Tensor):
        torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance, equal_nan=True, msg=where)
    elif isinstance(theirs, dict):
        assert ours.keys() == theirs.keys(), where
        for key in theirs:
            assert_same(ours[key], theirs[key], tolerance, f"{where}.{key}")
    elif isinstance(theirs, list | tuple):
        assert len(ours) == len(theirs), where
        for number, pair in enumerate(zip(ours, theirs, strict=True)):
            assert_same(*pair, tolerance, f"{where}[{number}]")
    elif isinstance(theirs, float):
        assert ours == pytest.approx(theirs, rel=tolerance, abs=tolerance, nan_ok=True), where
    else:
        assert ours == theirs, where


def assert_same_jobs(jobs: int, tolerance: float) -> None:
    for number in range(jobs):
        mine, theirs = (Path(kind, str(number)) for kind in ("crew", "alone"))
        for row, other in zip(table(mine), table(theirs), strict=True):
            pairs = [{key: float(value or "nan") for key, value in one.items()} for one in (row, other)]
            assert_same(*pairs, tolerance, f"job {number}")
        assert_same(*(json.loads((one / "results.json").read_text())["status"] for one in (mine, theirs)), 0)
        if not (theirs / "checkpoints" / "last.ckpt").exists():
            assert not (mine / "checkpoints" / "last.ckpt").exists()
            continue
        for key in ("state_dict", "optimizer_states", "lr_schedulers", "carry", "position", "metrics", "global_step"):
            assert_same(checkpoint(mine).get(key), checkpoint(theirs).get(key), tolerance, f"job {number}: {key}")
        assert_same(checkpoint(mine)["rng"], checkpoint(theirs)["rng"], 0, f"job {number}: random numbers")


@pytest.mark.parametrize(
    ("core", "way"),
    [
        ("gru", "all in one"),
        pytest.param("lstm", "heads together", marks=pytest.mark.slow),
        pytest.param("mamba", "heads together", marks=pytest.mark.slow),
        pytest.param("lru", "all in one", marks=pytest.mark.slow),
        pytest.param("rnn", None, marks=pytest.mark.slow),
    ],
)
def test_jobs_that_share_a_process_are_jobs_alone(core: str, way: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of other learning rates, clippings, noise, lengths and optimisers; one becomes NaN, one stops early."""
    only(way, monkeypatch)
    common = [*SINE, "trainer.precision=64-true", "callbacks=checkpoints", f"core={core}", "trainer.max_steps=12"]
    common += ["trainer.val_check_interval=3"]
    jobs = DIFFERENT if way == "all in one" and core == "gru" else DIFFERENT[:3]
    alone, together = run_all(common, jobs)
    for one, other in zip(together, alone, strict=True):
        assert_same(one, other, 1e-10)
    assert any("train/loss became" in str(end) for end in alone)
    assert_same_jobs(len(jobs), 1e-10)
    for kind in ("alone", "crew"):  # and each goes on alone
        assert resume(f"{kind}/0", ["trainer.max_steps=15"]) is not None
    assert_same(checkpoint(Path("crew/0"))["state_dict"], checkpoint(Path("alone/0"))["state_dict"], 1e-10)


@pytest.mark.slow
def test_classifiers_that_share_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches in an order of their own, the last of an epoch smaller, and augmentation; dropout is each job's own."""
    only("all in one", monkeypatch)
    common = [*DIGITS, "trainer.precision=64-true", "callbacks=checkpoints", "module.dropout=0", "core=gru"]
    alone, together = run_all(common, [["seed=1"], ["seed=2", "optimizer.weight_decay=0.1"]])
    assert_same(together, alone, 1e-10)
    assert_same_jobs(2, 1e-10)


@pytest.mark.slow
def test_dropout_is_each_jobs_own() -> None:
    alone, together = run_all([*DIGITS, "callbacks=checkpoints"], [["seed=1"], ["seed=2"]])
    assert together == alone
    assert_same_jobs(2, 0)


def test_a_sweep_of_jobs_that_share_processes(command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    words = [*SINE, "callbacks=none", "trainer.max_steps=4", "core=rnn,gru", "seed=1,2"]
    assert command("-m", *words, "hydra/launcher=stacked", "hydra.launcher.jobs=1") == 0
    (folder,) = Path("outputs").glob("*/sweep_*")
    jobs = job_folders(folder)
    assert [job.name for job in jobs] == [
        f"{n}_core-{c}_seed-{n % 2 + 1}" for n, c in enumerate(("rnn", "rnn", "gru", "gru"))
    ]
    for job in jobs:
        assert json.loads((job / "results.json").read_text())["status"] == "completed"
        assert str(job) in (job / "output.log").read_text()
        assert str(job) in (job / "train.log").read_text()
        assert (job / ".hydra" / "config.yaml").exists() or (job / "config.yaml").exists()
    assert "4 jobs are finished" in capfd.readouterr().out


@pytest.mark.slow
def test_a_stopped_sweep_of_jobs_that_share_a_process_goes_on(
    command: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["-m", *SINE, "trainer.max_steps=600", "trainer.val_check_interval=100", "seed=1,2,3", "test=false"]
    words += ["hydra/launcher=stacked", "hydra.launcher.jobs=1"]

    def interrupt() -> None:
        while sum(rows(str(job)) > 2 for job in Path("outputs").glob("*/*/*")) < 3:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    assert command(*words) == 130
    (folder,) = Path("outputs").glob("*/sweep_*")
    steps = [checkpoint(job)["global_step"] for job in job_folders(folder)]
    assert len(steps) == 3
    assert 2 <= min(steps) <= max(steps) < 600
    assert {json.loads((job / "results.json").read_text())["status"] for job in job_folders(folder)} == {"interrupted"}
    capfd.readouterr()
    assert command(f"resume={folder}") == 0
    assert {checkpoint(job)["global_step"] for job in job_folders(folder)} == {600}


def configs(*jobs: list[str]) -> list[DictConfig]:
    return [compose([*SINE, *words]) for words in jobs]


def test_who_shares_a_process(capsys: pytest.CaptureFixture[str]) -> None:
    jobs = [["core=rnn", "seed=1"], ["core=gru"], ["core=rnn", "seed=2", "optimizer.lr=0.1"], ["core=gru", "seed=3"]]
    assert stacked(configs(*jobs), places=1, most=32) == [[0, 2], [1, 3]]
    assert stacked(configs(*jobs), places=2, most=32) == [[0], [1], [2], [3]]
    assert capsys.readouterr().err == ""
    apart = ["trainer.precision=bf16-mixed"]
    assert stacked(configs(["seed=1"], apart, ["seed=2"]), places=1, most=32) == [[0, 2], [1]]
    assert "1 of 3 jobs have a process each, as with hydra/launcher=parallel: trainer.precision=bf16-mixed" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["trainer.precision=16-mixed"], "trainer.precision=16-mixed rounds"),
        (["core.dropout=0.1", "core.num_layers=2"], "core.dropout=0.1 draws"),
        (["trainer=ddp_cpu"], "trainer.devices=2 takes processes of its own"),
        (["module.compile=true"], "module.compile=true"),
        (["trainer.cuda_graphs=true"], "trainer.cuda_graphs=true"),
        ([], None),
    ],
)
def test_why_a_job_has_a_process_of_its_own(words: list[str], why: str | None) -> None:
    (cfg,) = configs(words)
    said = reason_against(cfg)
    assert (said is None) == (why is None)
    assert (why or "") in (said or "")


@pytest.mark.parametrize("together", ["0", "x", "null", "1.5"])
def test_a_number_of_jobs_that_makes_no_sense(
    command: Command, capfd: pytest.CaptureFixture[str], together: str
) -> None:
    words = ["-m", *SINE, "seed=1,2", "hydra/launcher=stacked", f"hydra.launcher.together={together}"]
    assert command(*words) == 1
    said = capfd.readouterr().err
    assert "give an integer of at least 1" in said
    assert "Traceback" not in said


def test_jobs_are_shared_out_evenly() -> None:
    assert shared_out([*range(7)], places=2, most=32) == [[0, 1, 2, 3], [4, 5, 6]]
    assert shared_out([*range(7)], places=2, most=2) == [[0, 1], [2, 3], [4, 5], [6]]
    assert shared_out([5], places=4, most=2) == [[5]]
