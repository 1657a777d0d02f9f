"""`hydra/launcher=parallel` and `stacked`: the jobs of a sweep side by side on this machine.

Hydra looks for launchers only here.
"""

from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class ParallelLauncher(Launcher):
    """Every job in a process of its own, with its own slots: see seqmodels/parallel."""

    def __init__(self, jobs: int | str, gpus: Any, jobs_per_gpu: int) -> None:
        """
        Args:
            jobs: how many jobs run side by side on the CPU; auto: as many as there are cores.
            gpus: which GPUs the jobs get; auto: all that are there.
            jobs_per_gpu: how many jobs share a GPU.
        """
        self.options = {"jobs": jobs, "gpus": gpus, "jobs_per_gpu": jobs_per_gpu}

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        from seqmodels.parallel.process import server

        self.given = hydra_context, task_function, config
        server()  # imports while Hydra composes the jobs

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from seqmodels.sweeps.launcher import launch  # here, because Hydra imports this file at every start

        return launch(*self.given, job_overrides, initial_job_idx, self.options)


class StackedLauncher(ParallelLauncher):
    """Several jobs by turns in each process, their steps computed together: see seqmodels/stacking/crew.py."""

    def __init__(self, together: int, **options: Any) -> None:
        """
        Args:
            together: how many jobs share a process at most.
            options: of `ParallelLauncher`.
        """
        super().__init__(**options)
        self.together = together

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from seqmodels.sweeps.launcher import launch

        return launch(*self.given, job_overrides, initial_job_idx, self.options, self.together)
