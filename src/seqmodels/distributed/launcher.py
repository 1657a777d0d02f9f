"""Several processes on one machine that end together: a rank that dies ends the run, with one message.

Lightning's own launcher answers a dead child by killing the main process without a word. Here rank 0 looks after the
processes it started, and each of them looks after rank 0: gloo raises an error when another process is gone, but nccl
would wait for it, so neither side relies on that.
"""

import atexit
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch.distributed as dist
from lightning.fabric.utilities.distributed import _destroy_dist_connection, _set_num_threads_if_needed
from lightning.pytorch.strategies.launchers.subprocess_script import _SubprocessScriptLauncher
from torch.distributed.distributed_c10d import _abort_process_group

from seqmodels.checkpoints.places import place_of
from seqmodels.system.signals import withheld

PARENT = "SEQMODELS_PARENT"

ENVIRONMENT = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE", "OMP_NUM_THREADS", PARENT)
"""What a distributed run leaves behind for the processes it starts, and would leave to the next run."""

POLL = 0.2  # seconds between two looks at the other processes

BLAME = 8  # how long rank 0 looks for a dead child after an error that a dead child may have caused

GRACE = 10  # how long rank 0 may take to notice by itself that a child is dead

SILENCE = 12  # how long a child keeps its error to itself: above both, so that rank 0 speaks first

PATIENCE = 30  # how long rank 0 waits for its children after an orderly end

STOPPED = (130, -signal.SIGINT)  # how a process ends that Ctrl-C reached


class RankLost(OSError):
    """A process of the run died before the run was over."""


@dataclass(frozen=True)
class Lost:
    """A child that died: its rank, its process and its exit code, negative for a signal."""

    rank: int
    pid: int
    code: int

    def message(self, folder: Path | None) -> str:
        if self.code < 0:
            how = f"was killed by {signal.Signals(-self.code).name}"
        else:
            how = f"ended with exit code {self.code}, its own message stands above"
        text = f"rank {self.rank} (pid {self.pid}) {how}, so the run ended"
        if folder is None:
            return text
        if (last := place_of(folder, "last")).exists():
            return f"{text}; {last} is the last state saved, resume={folder} goes on from there"
        return f"{text}; {folder} holds no checkpoint yet, resume={folder} starts it again"


class Launcher(_SubprocessScriptLauncher):
    """Lightning's, but a further rank is given this run rather than the command, and both sides watch each other."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.folder: Path | None = None
        self.task = ""  # what the further ranks are handed
        self.is_child = PARENT in os.environ
        self._before = {name: os.environ.get(name) for name in ENVIRONMENT}
        self._leaving = threading.Event()
        self._watching = False
        self._lost: Lost | None = None

    def launch(self, function: Callable, *args: Any, trainer: pl.Trainer | None = None, **kwargs: Any) -> Any:
        self.cluster_environment.validate_settings(num_devices=self.num_processes, num_nodes=self.num_nodes)
        if not self.cluster_environment.creates_processes_externally:
            os.environ[PARENT] = str(os.getpid())
            self._call_children_scripts()
            threading.Thread(target=self._watch_children, daemon=True).start()
        elif self.is_child and not self._watching:
            self._watching = True  # a run launches twice, to train and to test
            threading.Thread(target=self._watch_parent, daemon=True).start()
        _set_num_threads_if_needed(num_processes=self.num_processes)
        return function(*args, **kwargs)

    def _call_children_scripts(self) -> None:
        cluster = self.cluster_environment
        os.environ |= {
            "MASTER_ADDR": cluster.main_address,
            "MASTER_PORT": str(cluster.main_port),
            "NODE_RANK": str(cluster.node_rank()),
            "LOCAL_RANK": str(cluster.local_rank()),
            "WORLD_SIZE": str(self.num_processes * self.num_nodes),
        }
        for local_rank in range(1, self.num_processes):
            with withheld():  # until the rank can do as it is told
                child = subprocess.Popen(
                    [sys.executable, "-m", "seqmodels.runs.rank"],
                    env={**os.environ, "LOCAL_RANK": str(local_rank)},
                    stdin=subprocess.PIPE,
                )
            self.procs.append(child)
            assert child.stdin
            child.stdin.write(self.task.encode())
            child.stdin.close()

    def lost(self) -> Lost | None:
        """The child that died first, if any; of two at once, one that was killed rather than one that failed."""
        if self._lost:
            return self._lost
        first = self.cluster_environment.node_rank() * self.num_processes + 1
        dead = [Lost(rank, child.pid, child.returncode) for rank, child in enumerate(self.procs, first) if child.poll()]
        self._lost = min(dead, key=lambda child: child.code > 0, default=None)
        return self._lost

    def find_dead_rank(self, error: BaseException) -> Lost | None:
        """The dead child behind an error in rank 0. Both gloo and nccl raise RuntimeError, not always after the end."""
        if not isinstance(error, RuntimeError):
            return None
        if self.is_child:
            time.sleep(SILENCE)  # whoever caused this speaks; then rank 0, or the watch on it, ends this process
        deadline = time.monotonic() + BLAME
        while self.procs and self.lost() is None and time.monotonic() < deadline:
            time.sleep(POLL)
        return self.lost()

    def close(self, patience: float, failed: bool = False) -> None:
        """Leave the group, wait for the children, kill those that stay, and clean the environment. Twice is once."""
        self._leaving.set()
        if failed and self.is_child:
            atexit.unregister(_destroy_dist_connection)
            return  # the group ends with this process: were it left first, rank 0 would look for the dead in vain
        _leave_group(failed)
        deadline = time.monotonic() + patience
        try:
            while any(child.poll() is None for child in self.procs) and time.monotonic() < deadline:
                time.sleep(POLL / 4)
        finally:
            self._kill_children()
            for name, value in self._before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value

    def _kill_children(self) -> None:
        for child in self.procs:
            child.kill()  # SIGTERM does not reach a process that hangs in a collective
        for child in self.procs:
            child.wait()

    def _watch_children(self) -> None:
        while not self._leaving.wait(POLL):
            lost = self.lost()
            if lost is None:
                continue
            if not self._leaving.wait(GRACE / 2):
                self._kill_children()  # with three ranks, rank 0 may wait for one that lives and will not answer
            if not self._leaving.wait(GRACE / 2):  # the main thread hangs, and nothing can call it back
                stopped = lost.code in STOPPED
                print("stopped" if stopped else f"error: {lost.message(self.folder)}", file=sys.stderr, flush=True)
                os._exit(130 if stopped else 1)
            return

    def _watch_parent(self) -> None:
        parent = int(os.environ[PARENT])
        while os.getppid() == parent:
            time.sleep(POLL)
        rank = self.cluster_environment.global_rank()
        print(f"rank {rank} ends: its rank 0 (pid {parent}) is gone", file=sys.stderr, flush=True)
        os._exit(1)


def _leave_group(failed: bool) -> None:
    """Bounded, because nccl may wait for a process that is gone; after a failure it is asked not to."""
    atexit.unregister(_destroy_dist_connection)  # it would wait again when the process leaves
    if dist.is_initialized():
        abort = failed and dist.get_backend() == "nccl"
        ending = threading.Thread(target=_abort_process_group if abort else dist.destroy_process_group, daemon=True)
        ending.start()
        ending.join(GRACE)
