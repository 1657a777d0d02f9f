"""Sweeps beyond this machine: what Slurm would be told, and the same jobs as processes of their own on this machine.

No cluster is at hand: of Slurm, the script for sbatch is looked at. What submitit does inside a job is done here.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from hydra_plugins.seqmodels_submitit import Slurm
from seqmodels.callbacks.guards import StopOnSignal
from seqmodels.config.outputs import register_resolvers
from seqmodels.config.places import conf_dir
from seqmodels.distributed.slurm import Tasks, cluster_environment, submitted
from seqmodels.exceptions import Interrupted
from seqmodels.runs.run import resume, train
from tests.support import attempts
from tests.support.attempts import OWN, SINE, assert_same_run, callback, whole

Command = Callable[..., int]
JOB = [*SINE, "trainer.max_steps=12", "callbacks=[guards,checkpoints]", "test=false"]
SIGNALS = [signal.SIGTERM, signal.SIGCONT, signal.SIGUSR2]  # that submitit handles
PYTHON = [sys.executable, "-m", "seqmodels.train", "-m"]


@pytest.mark.parametrize(
    ("launcher", "plugin", "remedy"),
    [
        ("submitit_slurm", "hydra_submitit_launcher.submitit_launcher", 'pip install -e ".[slurm]"'),
        ("submitit_local", "hydra_submitit_launcher.submitit_launcher", 'pip install -e ".[slurm]"'),
        ("ray", "hydra_ray_launcher.ray_launcher", 'pip install -e ".[ray]"'),
    ],
)
def test_a_plugin_that_is_missing(
    launcher: str, plugin: str, remedy: str, command: Command, capfd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, f"hydra_plugins.{plugin}", None)
    assert command("-m", *JOB, "seed=1,2", f"hydra/launcher={launcher}") == 1
    shown = capfd.readouterr().err
    assert f"error: hydra/launcher={launcher} needs " in shown
    assert remedy in shown
    assert "Traceback" not in shown


class TestSlurm:
    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("submitit", reason='submitit is not installed: pip install -e ".[slurm]"')

    def script(self, *words: str) -> str:
        """What sbatch would be given."""
        from submitit.slurm.slurm import SlurmExecutor, _convert_mem, _make_sbatch_string

        register_resolvers()
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            said = ["hydra/launcher=submitit_slurm", "hydra.sweep.dir=sweep", *words]
            cfg = compose("train", said, return_hydra_config=True)
        options: Any = OmegaConf.to_container(cfg.hydra.launcher, resolve=True)
        del options["_target_"]
        slurm = {name.removeprefix("slurm_"): value for name, value in Slurm(**options).parameters().items()}
        named = {SlurmExecutor._equivalence_dict().get(name, name): value for name, value in slurm.items()}
        if "mem" in named:
            named["mem"] = _convert_mem(named["mem"])
        return _make_sbatch_string(command="python", folder=options["submitit_folder"], map_count=9, **named)

    def test_what_the_preset_asks_for(self) -> None:
        lines = self.script().splitlines()
        for option in ("requeue", "time=240", "signal=USR2@120", "cpus-per-task=4", "array=0-8%9", "open-mode=append"):
            assert f"#SBATCH --{option}" in lines
        assert not [line for line in lines if "partition" in line or "gpus" in line or "--error" in line]

    def test_what_people_need(self) -> None:
        said = ["partition=gpu", "account=lab", "qos=high", "gpus_per_node=4", "tasks_per_node=4", "nodes=2"]
        said += ["mem_gb=64", "timeout_min=60", "signal_delay_s=300", "array_parallelism=3", "setup=[module load cuda]"]
        words = [f"hydra.launcher.{word}" for word in said] + ["+hydra.launcher.additional_parameters.mail-type=END"]
        lines = self.script(*words).splitlines()
        asked = ["partition=gpu", "account=lab", "qos=high", "gpus-per-node=4", "ntasks-per-node=4", "nodes=2"]
        asked += ["mem=64GB", "time=60", "signal=USR2@300", "array=0-8%3", "mail-type=END", "requeue"]
        for option in asked:
            assert f"#SBATCH --{option}" in lines
        assert lines.index("module load cuda") < lines.index("export SUBMITIT_EXECUTOR=slurm")

    def test_a_typo_is_refused(self, command: Command, capfd: Any) -> None:
        assert command("-m", *JOB, "hydra/launcher=submitit_slurm", "hydra.launcher.partitoin=gpu") == 1
        assert "partitoin" in capfd.readouterr().err

    def test_without_a_cluster(self, command: Command, capfd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "")
        assert command("-m", *JOB, "hydra/launcher=submitit_slurm") == 1
        shown = capfd.readouterr().err
        assert "error: hydra/launcher=submitit_slurm: there is no sbatch here" in shown
        assert "Traceback" not in shown


class TestInAJob:
    """This process as submitit's, with its own handlers and environment."""

    @pytest.fixture(autouse=True)
    def job(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
        submitit = pytest.importorskip("submitit", reason='submitit is not installed: pip install -e ".[slurm]"')
        from submitit.core.utils import DelayedSubmission

        for name, value in {"EXECUTOR": "local", "FOLDER": str(tmp_path / "%j"), "LOCAL_JOB_ID": "7"}.items():
            monkeypatch.setenv(f"SUBMITIT_{name}", value)
        handlers = {signum: signal.getsignal(signum) for signum in SIGNALS}
        job = submitit.JobEnvironment()
        delayed = DelayedSubmission(submitit.helpers.CommandFunction(["true"]))
        delayed.function.checkpoint = lambda: delayed  # type: ignore[attr-defined]
        delayed.set_timeout(60, 3)
        job.paths.folder.mkdir()
        job._handle_signals(job.paths, delayed)
        yield job
        for signum, handler in handlers.items():
            signal.signal(signum, handler)

    def run_and_send(self, name: str) -> int:
        """The exit code of the job."""
        words = [*JOB, *callback("Signalled", name=name, step=7)]
        with pytest.raises(SystemExit) as left, submitted():
            train(attempts.compose(words), "run", words)
        return left.value.code  # type: ignore[return-value]

    def test_a_job_that_is_queued_again_goes_on_exactly(self) -> None:
        assert self.run_and_send("SIGUSR2") == 144  # submitit's word for "queued again"
        results = json.loads(Path("run/results.json").read_text())
        assert (results["status"], results["steps"]) == ("interrupted", 8)
        assert resume("run", trust=OWN) is not None
        assert_same_run(Path("run"), whole(JOB))

    def test_the_machine_is_wanted_back(self, capsys: Any) -> None:
        assert self.run_and_send("SIGTERM") == 143
        assert "stopped by SIGTERM; resume=" in capsys.readouterr().out
        assert torch.load("run/checkpoints/last.ckpt", weights_only=True)["global_step"] == 8

    @pytest.mark.parametrize("order", [(signal.SIGTERM, signal.SIGUSR2), (signal.SIGUSR2, signal.SIGTERM)])
    def test_of_both_signals_the_one_that_queues_again_counts(self, order: tuple[signal.Signals, ...]) -> None:
        stop = StopOnSignal()
        with stop.listening():
            for signum in order:
                signal.raise_signal(signum)
            with pytest.raises(Interrupted) as asked:
                stop.check_alone()
        assert asked.value.signum == signal.SIGUSR2

    def test_ranks_and_tasks_are_as_many(self, job: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        assert not isinstance(cluster_environment(), Tasks)  # one task starts its ranks itself
        monkeypatch.setenv("SUBMITIT_LOCAL_NTASKS", "2")
        monkeypatch.setenv("SUBMITIT_LOCAL_GLOBALID", "1")
        tasks = cluster_environment()
        assert isinstance(tasks, Tasks)
        assert (tasks.world_size(), tasks.global_rank(), tasks.main_address) == (2, 1, "127.0.0.1")
        tasks.validate_settings(num_devices=2, num_nodes=1)
        with pytest.raises(ValueError, match=r"devices=4 .* the job has 2 tasks .*tasks_per_node"):
            tasks.validate_settings(num_devices=4, num_nodes=1)


@pytest.mark.slow
class TestLocal:
    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("submitit", reason='submitit is not installed: pip install -e ".[slurm]"')

    def start(self, *words: str) -> subprocess.Popen[str]:
        words = (*JOB, *words, "hydra/launcher=submitit_local", "hydra.sweep.dir=sweep")
        return subprocess.Popen([*PYTHON, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def tasks(self, sweep: subprocess.Popen[str], job: str) -> list[int]:
        """The processes of a job that has trained for a while."""
        import psutil

        deadline = time.monotonic() + 120
        while not list(Path("sweep").glob(f"{job}*/checkpoints/last.ckpt")) and time.monotonic() < deadline:
            time.sleep(0.1)
        controllers = sorted(psutil.Process(sweep.pid).children(), key=lambda process: process.create_time())
        return [task.pid for task in controllers[int(job)].children()]

    def test_jobs_are_processes_with_logs(self) -> None:
        sweep = self.start("optimizer.lr=0.01,1e30", "optimizer=sgd")
        _, said = sweep.communicate(timeout=200)
        assert sweep.returncode == 1
        assert "1 of 2 jobs did not finish:\n  1_" in said
        assert "train/loss became " in said
        logs = {path: path.read_text() for path in Path("sweep/.submitit").glob("*/*_0_log.out")}
        assert len(logs) == 2
        for path, log in logs.items():
            assert f"job_id={path.parent.name}," in log
            assert "  model   LSTM of 8" in log
            assert int(path.parent.name) not in (os.getpid(), sweep.pid)

    def test_a_killed_job_leaves_the_others(self) -> None:
        sweep = self.start("seed=1,2", "trainer.max_steps=400")
        for task in self.tasks(sweep, "0"):
            os.kill(task, signal.SIGKILL)
        _, said = sweep.communicate(timeout=200)
        assert sweep.returncode == 1
        assert "1 of 2 jobs did not finish:\n  0_" in said
        assert "ended without a word" in said

    def test_two_tasks_are_queued_again(self) -> None:
        sweep = self.start("trainer=ddp_cpu", "trainer.max_steps=400", "hydra.launcher.tasks_per_node=2")
        for task in self.tasks(sweep, "0"):
            os.kill(task, signal.SIGUSR2)
        _, said = sweep.communicate(timeout=200)
        assert sweep.returncode == 0, said
        (log,) = Path("sweep/.submitit").glob("*/*_0_log.out")
        assert log.read_text().count("2 processes on cpu") == 2
        assert "  from    step " in log.read_text()
        (folder,) = Path("sweep").glob("0*")
        assert len(list(folder.glob("metrics.csv"))) == 1
        assert json.loads((folder / "results.json").read_text())["steps"] == 400
