"""A job that submitit started, on Slurm or on this machine: its place among the tasks, and what follows a signal.

Slurm says with SIGUSR2 that a job's time is nearly over, and with SIGTERM that the machine is wanted back. The run
saves its step and ends; then submitit, which listened for SIGUSR2 before the run did, queues the job again.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lightning.fabric.plugins.environments import ClusterEnvironment, LightningEnvironment
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from seqmodels.exceptions import Stopped
from seqmodels.system.terminal import say

EXECUTOR = "SUBMITIT_EXECUTOR"

PATIENCE = 600  # seconds in which Slurm may end a job that it has warned


class Tasks(ClusterEnvironment):
    """The tasks of one job as the ranks of one run: one task for each device, on one node or several."""

    def __init__(self, job: Any) -> None:
        """
        Args:
            job: submitit's JobEnvironment.
        """
        self.job = job

    @property
    def creates_processes_externally(self) -> bool:
        return True

    @staticmethod
    def detect() -> bool:
        return EXECUTOR in os.environ

    @property
    def main_address(self) -> str:
        return self.job.hostnames[0] if self.job.num_nodes > 1 else "127.0.0.1"

    @property
    def main_port(self) -> int:
        return 15000 + int(self.job.raw_job_id) % 15000  # all tasks know it, and no other job of the node has it

    def world_size(self) -> int:
        return self.job.num_tasks

    def set_world_size(self, size: int) -> None:
        """It is given."""

    def global_rank(self) -> int:
        return self.job.global_rank

    def set_global_rank(self, rank: int) -> None:
        """It is given."""

    def local_rank(self) -> int:
        return self.job.local_rank

    def node_rank(self) -> int:
        return self.job.node

    def validate_settings(self, num_devices: int, num_nodes: int) -> None:
        """
        Raises:
            ValueError: the run wants other devices than the job has tasks.
        """
        tasks = self.job.num_tasks // self.job.num_nodes
        if (num_devices, num_nodes) != (tasks, self.job.num_nodes):
            raise ValueError(
                f"trainer.devices={num_devices} and trainer.num_nodes={num_nodes}, but the job has {tasks} tasks on "
                f"{self.job.num_nodes} nodes; let hydra.launcher.tasks_per_node and hydra.launcher.nodes say the same"
            )


def cluster_environment() -> ClusterEnvironment | None:
    """Who starts the ranks: in a job of submitit its tasks, or the run itself in a job of one task; None elsewhere.

    Lightning would see Slurm by itself, but queue the job again by itself too, and refuse two devices in one task.
    """
    job = _job()
    if job is None:
        return None
    return Tasks(job) if job.num_tasks > 1 else LightningEnvironment()


@contextmanager
def submitted() -> Iterator[None]:
    """Around a job: the first task alone writes, and a signal that ended the run goes on to submitit."""
    job = _job()
    if job is None:
        yield
        return
    if job.num_tasks > 1:
        rank_zero_only.rank = job.global_rank  # type: ignore[attr-defined]
    try:
        yield
    except Stopped as stopped:
        _hand_on(stopped.signum)
        say(f"stopped by {signal.Signals(stopped.signum).name}; resume={stopped.folder} goes on")
        raise SystemExit(128 + stopped.signum) from None  # submitit would answer with a traceback


def _hand_on(signum: int) -> None:
    """Ends this process when submitit queues the job again."""
    if signum == signal.SIGINT:
        return
    if callable(signal.getsignal(signum)):
        signal.raise_signal(signum)  # submitit's handler stands again, as before the run
    if os.environ[EXECUTOR] == "slurm":
        time.sleep(PATIENCE)  # a preempted job that left by itself would count as done; the first task queues for all


def _job() -> Any:
    if EXECUTOR not in os.environ:
        return None
    import submitit

    return submitit.JobEnvironment()
