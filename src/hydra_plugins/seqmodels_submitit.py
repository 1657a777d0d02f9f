"""Slurm, and the processes of this machine in its place: -m hydra/launcher=submitit_slurm, or submitit_local

hydra-submitit-launcher makes a job of a config, submitit queues and runs it. Two things are added here: the sweep waits
for all its jobs when one is lost, and it is said what to install when the plugin is missing.
"""

from collections.abc import Sequence
from shutil import which
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

SHARED = ("timeout_min", "cpus_per_task", "gpus_per_node", "tasks_per_node", "mem_gb", "nodes", "name")
"""What submitit calls the same everywhere; other names get the engine's in front."""
MAKING = ("submitit_folder", "max_num_timeout")
"""What submitit wants to know beforehand."""


class Submitit(Launcher):
    """The jobs of a sweep by submitit."""

    engine = ""

    def __init__(self, **options: Any) -> None:
        """
        Args:
            options: the keys of conf/hydra/launcher/submitit_*.yaml.
        """
        self.options: Any = OmegaConf.to_container(OmegaConf.create(options), resolve=True)
        self.plugin: Any = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """
        Raises:
            ValueError: the plugin is not installed.
        """
        try:
            from hydra_plugins.hydra_submitit_launcher.submitit_launcher import BaseSubmititLauncher
        except ImportError:
            raise ValueError(
                f'hydra/launcher=submitit_{self.engine} needs hydra-submitit-launcher: pip install -e ".[slurm]"'
            ) from None
        self.plugin = BaseSubmititLauncher()
        self.plugin.setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Queue the jobs and wait for all of them, also when one is lost.

        Raises:
            ValueError: this machine knows no Slurm.
        """
        if self.engine == "slurm" and not (which("sbatch") and which("srun")):
            raise ValueError(
                "hydra/launcher=submitit_slurm: there is no sbatch here; start the sweep on a machine of the cluster, "
                "or try it on this one with hydra/launcher=submitit_local"
            )
        jobs = self._queue(job_overrides, initial_job_idx)
        print(f"{len(jobs)} jobs in the queue, their logs: {self.options['submitit_folder'].replace('%j', 'JOB')}")
        try:
            return [_returned(job) for job in jobs]
        except KeyboardInterrupt:
            if self.engine == "slurm":
                numbers = sorted({job.job_id.partition("_")[0] for job in jobs})
                print(f"the jobs stay with Slurm; scancel {' '.join(numbers)} ends them")
            raise

    def parameters(self) -> dict[str, Any]:
        """What the engine is asked for, under submitit's names."""
        given = {name: value for name, value in self.options.items() if value is not None and name not in MAKING}
        return {name if name in SHARED else f"{self.engine}_{name}": value for name, value in given.items()}

    def _queue(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[Any]:
        from submitit import AutoExecutor

        restarts = {f"{self.engine}_max_num_timeout": self.options["max_num_timeout"]}
        executor = AutoExecutor(self.options["submitit_folder"], cluster=self.engine, **restarts)
        executor.update_parameters(**self.parameters())
        state = Singleton.get_state()
        jobs = [
            (list(overrides), "hydra.sweep.dir", number, str(number), state)
            for number, overrides in enumerate(job_overrides, initial_job_idx)
        ]
        return executor.map_array(self.plugin, *zip(*jobs, strict=True))


class Slurm(Submitit):
    """By a cluster's Slurm."""

    engine = "slurm"


class Local(Submitit):
    """By processes of this machine that are told what Slurm's would be."""

    engine = "local"


def _returned(job: Any) -> JobReturn:
    try:
        return job.results()[0]  # of the first task, which is rank 0
    except Exception as error:
        lost = JobReturn()
        lost.status, lost.return_value = JobStatus.FAILED, error
        return lost
