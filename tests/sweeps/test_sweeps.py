"""Sweeps: many runs from one command, each in its folder; started again they go on where they stood."""

import json
import os
import random
import resource
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
from filelock import FileLock, Timeout
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from seqmodels.config.places import conf_dir
from seqmodels.config.schema import check_config
from seqmodels.runs.record import is_finished
from seqmodels.runs.run import compose, train
from seqmodels.sweeps.folder import job_folders, locked
from seqmodels.sweeps.jobs import run_job
from tests.conftest import options
from tests.support.attempts import SINE, assert_same_run, callback, checkpoint
from tests.support.killing import rows, start

Command = Callable[..., int]
JOBS = ["core=rnn,lstm", "seed=1,2"]
NO_TEST = ["test=false", "callbacks=none"]


def only_sweep() -> Path:
    (folder,) = Path("outputs").glob("*/sweep_*")
    return folder


def statuses(folder: Path) -> list[str]:
    return [json.loads((job / "results.json").read_text())["status"] for job in job_folders(folder)]


class SmallDisk(pl.Callback):
    """From a step on no file can grow beyond some bytes: what a full disk is to a run."""

    def __init__(self, step: int, size: int) -> None:
        self.step, self.size = step, size

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        if trainer.global_step == self.step:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, resource.RLIM_INFINITY))

    def on_exception(self, *args: Any) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


class DeadRank(pl.Callback):
    """Rank 1 dies in step 3."""

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        if trainer.global_rank == 1 and trainer.global_step == 3:
            os.kill(os.getpid(), signal.SIGKILL)


def test_a_sweep_over_experiments_has_one_folder(command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    words = ["-m", "+experiment=sine_rnn,sine_rnn_tf", "trainer.max_steps=2", *NO_TEST]
    assert command(*words) == 0
    assert "2 jobs are finished" in capfd.readouterr().out
    assert only_sweep().parent == Path("outputs/sine")
    assert [job.name for job in job_folders(only_sweep())] == ["0_rnn", "1_rnn_tf"]
    assert command(*words, "resume=auto") == 0
    assert "is finished, there is nothing to resume" in capfd.readouterr().out


@pytest.mark.parametrize("launcher", ["basic", "parallel"])
def test_a_sweep_ends_with_a_ranking(command: Command, capfd: pytest.CaptureFixture[str], launcher: str) -> None:
    words = ["-m", *SINE, "core=rnn,lstm", "seed=1,2", "trainer.max_steps=6", "trainer.val_check_interval=2"]
    assert command(*words, "callbacks=checkpoints", "test=false", f"hydra/launcher={launcher}") == 0
    jobs = job_folders(only_sweep())
    assert [job.name for job in jobs] == ["0_core-rnn_seed-1", "1_core-rnn_seed-2", *_names("lstm", 2)]
    values = {job: json.loads((job / "results.json").read_text())["metrics"]["val/r2"] for job in jobs}
    ranked = sorted(jobs, key=lambda job: -values[job])
    said = capfd.readouterr()
    assert "val/r2, higher is better:\n" in said.out
    lines = [f"  {place}. {values[job]:.4g}  {job.name}" for place, job in enumerate(ranked, start=1)]
    assert "\n".join(lines) + f"\nbest: {ranked[0]}" in said.out
    for job in jobs:
        line = f"job {job.name}: val/r2 {values[job]:.4g}" if launcher == "basic" else f", val/r2 {values[job]:.4g}\n"
        assert line in (said.out if launcher == "basic" else said.err)


def _names(core: str, first: int) -> list[str]:
    return [f"{first + number}_core-{core}_seed-{number + 1}" for number in (0, 1)]


EXPERIMENTS = {"bptt_window": "sine_stream"}
"""What a sweep without experiments of its own is for, where it is not mnist_lstm."""


@pytest.mark.parametrize("name", options("sweep"))
def test_the_sweeps_of_the_repository(name: str) -> None:
    """Every job of each has a config that holds; of one over experiments the first of each."""
    params = OmegaConf.load(conf_dir() / "sweep" / f"{name}.yaml").hydra.sweeper.params
    words = [f"{key}={values}" for key, values in params.items()]
    experiments = [] if "+experiment" in params else [f"+experiment={EXPERIMENTS.get(name, 'mnist_lstm')}"]
    (jobs,) = BasicSweeper.split_arguments(OverridesParser.create().parse_overrides(words), None)
    assert len(jobs) == {"cores": 15, "lr": 15, "bptt_window": 12, "state_tracking": 288, "permutation_words": 24}[name]
    if not experiments:
        jobs = list({next(word for word in job if "experiment" in word): job for job in reversed(jobs)}.values())
    configs = [compose([*experiments, *job]) for job in jobs]
    for config in configs:
        check_config(config)
    assert len({OmegaConf.to_yaml(config) for config in configs}) == len(jobs)


def test_a_ready_sweep_needs_no_flag(command: Command) -> None:
    words = [*SINE, *NO_TEST, "trainer.max_steps=2", "trainer.val_check_interval=2"]
    assert command(*words, "+sweep=bptt_window", "datamodule.window=5,6", "module.backprop_windows=1") == 0
    assert statuses(only_sweep()) == ["completed"] * 2


def test_a_finished_sweep_is_not_run_again(command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    words = ["-m", *SINE, *NO_TEST, *JOBS]
    assert command(*words, "resume=auto") == 0
    folder = only_sweep()
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*/*") if path.name != "train.log"}
    assert len(before) >= 4 * 5
    capfd.readouterr()
    for again in (["resume=auto"], [f"resume={folder}"]):
        assert command(*words, *again) == 0
        assert "is finished, there is nothing to resume" in capfd.readouterr().out
    assert command(f"resume={folder}") == 0, "the folder knows the words"
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert only_sweep() == folder


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["basic", "parallel"])
def test_a_killed_sweep_goes_on_to_the_same_numbers(command: Command, launcher: str) -> None:
    """SIGKILL at a random moment, twice; its jobs do not outlive it."""
    words = ["-m", *SINE, *JOBS, "trainer.max_steps=60", "test=false", f"hydra/launcher={launcher}"]
    assert command(*words, "hydra.sweep.dir=whole") == 0
    dice = random.Random(launcher)
    for target in (dice.randrange(20, 100), dice.randrange(110, 220)):
        process = start([*words, "hydra.sweep.dir=outputs/sine/sweep_1", "resume=auto"])
        while sum(rows(str(job)) for job in Path("outputs/sine").glob("sweep_1/*")) < target:
            assert process.is_alive(), Path("attempts.log").read_text()[-3000:]
            time.sleep(0.001)
        process.kill()
        process.join()
    deadline = time.monotonic() + 60
    while not all(_unlocked(job) for job in job_folders(only_sweep())):  # they are told by the end of their parent
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert not all(map(is_finished, job_folders(only_sweep())))
    assert command(*words, "resume=auto", f"hydra.sweep.dir={only_sweep()}") == 0
    assert [job.name for job in job_folders(only_sweep())] == [job.name for job in job_folders(Path("whole"))]
    for job in job_folders(Path("whole")):
        assert_same_run(only_sweep() / job.name, job)


def _unlocked(job: Path) -> bool:
    try:
        with FileLock(job / ".hydra" / "lock", timeout=0):
            return True
    except Timeout:
        return False


def test_a_job_that_failed_at_once_begins_anew_with_the_config_of_now(command: Command) -> None:
    """One of two has a YAML with a mistake; once that is mended, the sweep needs only this one."""
    Path("more/pick").mkdir(parents=True)
    for name, steps in {"good": 6, "bad": -6}.items():
        Path(f"more/pick/{name}.yaml").write_text(f"# @package _global_\ntrainer:\n  max_steps: {steps}\n")
    words = ["-m", *SINE[:4], *SINE[5:], *NO_TEST, "+pick=good,bad", "--config-dir=more"]
    assert command(*words) == 1
    assert statuses(only_sweep()) == ["completed", "failed"]
    first, second = job_folders(only_sweep())
    assert json.loads((second / "results.json").read_text())["error"].startswith("trainer.max_steps=-6")
    before = (first / "results.json").stat().st_mtime_ns
    Path("more/pick/bad.yaml").write_text("# @package _global_\ntrainer:\n  max_steps: 7\n")
    assert command(*words, "resume=auto") == 0
    assert json.loads((second / "results.json").read_text())["steps"] == 7
    assert (first / "results.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("launcher", ["basic", "parallel"])
def test_a_full_disk_costs_one_job(command: Command, capfd: pytest.CaptureFixture[str], launcher: str) -> None:
    """The others finish, the end names it, and with room again it goes on from its last checkpoint."""
    disk = callback("SmallDisk", step="1000,10", size=100_000)
    disk = [word.replace("tests.support.attempts", "tests.sweeps.test_sweeps") for word in disk]
    words = ["-m", *SINE, "test=false", *disk, "core.hidden_size=64", f"hydra/launcher={launcher}"]
    assert command(*words) == 1
    assert statuses(only_sweep()) == ["completed", "interrupted"]
    shown = capfd.readouterr().err
    assert "error: 1 of 2 jobs did not finish:\n  1_" in shown
    assert "File too large" in shown.partition("did not finish")[2]
    assert "Traceback" not in shown
    assert 3 <= checkpoint(job_folders(only_sweep())[1])["global_step"] < 24


@pytest.mark.parametrize("launcher", ["basic", "parallel"])
def test_ctrl_c_leaves_a_sweep_that_goes_on(command: Command, capfd: pytest.CaptureFixture[str], launcher: str) -> None:
    words = ["-m", *SINE, "trainer.max_steps=100000", "trainer.val_check_interval=100", "seed=1,2,3"]
    words += [f"hydra/launcher={launcher}"]

    def interrupt() -> None:
        while sum(rows(str(job)) > 2 for job in Path("outputs").glob("*/*/*")) < (2 if launcher == "parallel" else 1):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    assert command(*words, "hydra.launcher.jobs=2" if launcher == "parallel" else "seed=1,2,3") == 130
    assert f"stopped by SIGINT; go on with: resume={only_sweep().absolute()}" in capfd.readouterr().err
    jobs = job_folders(only_sweep())
    assert len(jobs) == (2 if launcher == "parallel" else 1)
    for job in jobs:
        assert json.loads((job / "results.json").read_text())["status"] == "interrupted"
        assert checkpoint(job)["global_step"] >= 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-m", *SINE, *NO_TEST, "core=rnn,gru"], "was started with other overrides"),
        (["-m", *SINE, *NO_TEST], "was started with other overrides"),
        (["--cfg", "job"], "--cfg shows nothing of a run"),
    ],
)
def test_what_may_not_stand_beside_resume(
    command: Command, capfd: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    sweep = ["-m", *SINE, *NO_TEST, "core=rnn,lstm", "trainer.max_steps=6"]
    assert command(*sweep) == 0
    assert command(*words, f"resume={only_sweep()}") == 1
    shown = capfd.readouterr().err
    assert message in shown
    assert "Traceback" not in shown
    assert statuses(only_sweep()) == ["completed"] * 2


def test_a_run_is_not_resumed_as_a_sweep(command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    assert command(*SINE, *NO_TEST, "hydra.run.dir=run", "trainer.max_steps=6") == 0
    assert command("-m", *SINE, *NO_TEST, "seed=1,2", "resume=run") == 1
    assert "resume=run goes on with one run; give it without -m" in capfd.readouterr().err


def test_a_used_folder_is_not_overwritten(command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    words = ["-m", *SINE, *NO_TEST, "seed=1", "trainer.max_steps=6", "hydra.sweep.dir=mine"]
    assert command(*words) == 0
    before = {path: path.stat().st_mtime_ns for path in Path("mine").rglob("*")}
    assert command(*words) == 1
    assert "mine holds a sweep already and will not be overwritten" in capfd.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in Path("mine").rglob("*")} == before


def test_a_sweep_whose_yaml_has_changed_keeps_its_jobs(command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    Path("more/sweep").mkdir(parents=True)
    yaml = "# @package _global_\nhydra:\n  mode: MULTIRUN\n  sweeper:\n    params:\n      core: {}\n"
    Path("more/sweep/mine.yaml").write_text(yaml.format("rnn,lstm"))
    words = [*SINE, *NO_TEST, "trainer.max_steps=6", "+sweep=mine", "--config-dir=more"]
    assert command(*words) == 0
    Path("more/sweep/mine.yaml").write_text(yaml.format("rnn,gru"))
    assert command(*words, "resume=auto") == 1
    shown = capfd.readouterr().err
    assert "job 1 of this sweep was 1_" in shown
    assert "the sweep's YAML has changed" in shown
    assert statuses(only_sweep()) == ["completed"] * 2


def test_a_job_folder_of_other_words_is_refused() -> None:
    words = [*SINE, *NO_TEST, "trainer.max_steps=6"]
    train(compose(words), "sweep/0_a", words)
    with pytest.raises(ValueError, match=r"this job is .* seed=7"):
        run_job(compose([*words, "seed=7"]), Path("sweep/0_a"), [*words, "seed=7"])


@pytest.mark.slow
def test_runs_on_several_devices_in_a_sweep(command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    """One folder each, nothing left in the environment; a rank that dies costs one job."""
    before = dict(os.environ)
    kinds = "+callbacks.more._target_=seqmodels.callbacks.guards.FiniteLoss,tests.sweeps.test_sweeps.DeadRank"
    assert command("-m", *SINE, "trainer=ddp_cpu", "test=false", "seed=1,2", kinds) == 1
    assert statuses(only_sweep()) == ["completed", "failed"] * 2
    assert len(list(Path("outputs").glob("*/*"))) == 1
    changed = {key for key, _ in set(before.items()) ^ set(os.environ.items())}
    assert changed <= {"PL_GLOBAL_SEED", "PL_SEED_WORKERS"}
    end = capfd.readouterr().err.partition("error: 2 of 4 jobs did not finish:")[2]
    assert end.count("was killed by SIGKILL") == 2
    assert "Traceback" not in end


def test_loader_workers_in_the_jobs_of_a_pool(command: Command) -> None:
    """Such a job is forked from a server, whose way to start processes its workers must not inherit."""
    words = ["-m", *SINE, *NO_TEST, "datamodule.num_workers=2", "trainer.max_steps=4", "hydra/launcher=parallel"]
    assert command(*words) == 0
    assert statuses(only_sweep()) == ["completed"]


def test_a_finished_sweep_starts_nothing(
    command: Command, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["-m", *SINE, *NO_TEST, "trainer.max_steps=2", "seed=1,2"]
    assert command(*words) == 0
    capfd.readouterr()
    monkeypatch.delattr("seqmodels.train._job")
    assert command(*words, "resume=auto") == 0
    assert f"{only_sweep()} is finished, there is nothing to resume" in capfd.readouterr().out


def test_two_processes_do_not_run_one_sweep(command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    """The second is refused, and the first one's jobs go on."""
    words = ["-m", *SINE, *NO_TEST, "trainer.max_steps=2", "seed=1,2"]
    assert command(*words) == 0
    job = job_folders(only_sweep())[1]
    shutil.rmtree(job)
    first = locked(only_sweep())
    assert command(f"resume={only_sweep()}") == 1
    assert f"{only_sweep()} is being run by another process at this moment" in capfd.readouterr().err
    assert not job.exists()
    first.release()
    assert command(f"resume={only_sweep()}") == 0
    assert statuses(only_sweep()) == ["completed"] * 2
