"""`hydra/launcher=stacked`: the jobs of a sweep in few processes, their steps computed together where that is faster."""

from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn
from hydra_plugins.seqmodels_parallel import ParallelLauncher


class StackedLauncher(ParallelLauncher):
    """As `ParallelLauncher`, with several jobs by turns in each process: see seqmodels/stacking/crew.py."""

    def __init__(self, together: int, **options: Any) -> None:
        """
        Args:
            together: how many jobs share a process at most.
            options: of `ParallelLauncher`.
        """
        super().__init__(**options)
        self.together = together

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from seqmodels.config.ranges import MOST_PROCESSES, size
        from seqmodels.sweeps.launcher import launch

        size(MOST_PROCESSES, **{"hydra.launcher.together": self.together})
        return launch(*self.given, job_overrides, initial_job_idx, self.options, self.together)
