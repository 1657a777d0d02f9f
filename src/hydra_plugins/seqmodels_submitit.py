"""Slurm, and the processes of this machine in its place: -m hydra/launcher=submitit_slurm, or submitit_local

hydra-submitit-launcher makes a job of a config, submitit queues and runs it. Two things are added here: the sweep waits
for all its jobs when one is lost, and says what to install when the plugin is missing.
"""

from collections.abc import Sequence
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

SHARED = ("timeout_min", "cpus_per_task", "gpus_per_node", "tasks_per_node", "mem_gb", "nodes", "name")
"""What submitit calls the same everywhere; other names get the engine's in front."""


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
                f'hydra/launcher=submitit_{self.engine} needs hydra-submitit-launcher: pip install "seqmodels[slurm]"'
            ) from None
        self.plugin = BaseSubmititLauncher()
        self.plugin.setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Queue the jobs and wait for all of them, also when one is lost."""
        jobs = self._queue(job_overrides, initial_job_idx)
        print(f"{len(jobs)} jobs in the queue, their logs: {self.options['submitit_folder'].replace('%j', 'JOB')}")
        return [_returned(job) for job in jobs]

    def _queue(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[Any]:
        from submitit import AutoExecutor

        options = dict(self.options)
        executor = AutoExecutor(
            options.pop("submitit_folder"),
            cluster=self.engine,
            **{f"{self.engine}_max_num_timeout": options.pop("max_num_timeout")},
        )
        names = {name: name if name in SHARED else f"{self.engine}_{name}" for name in options}
        executor.update_parameters(**{names[name]: value for name, value in options.items() if value is not None})
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
