"""Many jobs on one machine, as many at a time as there are slots, in their order."""

import os
import signal
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from seqmodels.exceptions import Stopped
from seqmodels.parallel.board import Board
from seqmodels.parallel.process import PATIENCE, received, start
from seqmodels.parallel.slots import Allocation, Request, Slots
from seqmodels.system.signals import stoppable

ONE_CORE = Request()


@dataclass(frozen=True)
class Task:
    """A job to be run.

    Attributes:
        name: shown in the live status.
        function: "package.module:name" of what the job's process calls.
        arguments: for it; they are pickled, as is what it returns.
        log: where the process writes what it prints.
        request: what it wants of the machine.
        measure: what the number is called that its function returns, to be shown at its end; None shows none.
    """

    name: str
    function: str
    arguments: tuple[Any, ...]
    log: Path
    request: Request = ONE_CORE
    measure: str | None = None


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Attributes:
        value: what its function returned.
        error: the first line of what went wrong; None if nothing did.
    """

    value: Any = None
    error: str | None = None


def run(tasks: Sequence[Task], slots: Slots) -> list[Outcome]:
    """Run all tasks and show how they stand; a task that fails does not stop the others.

    Raises:
        Stopped: a signal came; the running jobs were told, have saved what they had and are gone.
    """
    with stoppable(), Board([task.name for task in tasks]) as board:
        pool = _Pool(tasks, slots, board)
        try:
            while pool.waiting or pool.running:
                pool.start()
                pool.await_news()
        except KeyboardInterrupt as stop:
            stopped = Stopped.of(stop)
            pool.stop(stopped.signum)
            raise stopped from None
        finally:
            pool.kill()  # who is left: after a bug of ours, or a second Ctrl-C
    return [pool.outcomes[number] for number in range(len(tasks))]


@dataclass
class _Job:
    """A task that has a process. Once it has answered it has an outcome, and its slots until the process is gone."""

    number: int
    allocation: Allocation
    process: ForkServerProcess
    answer: Connection | None
    outcome: Outcome | None = None

    def send(self, signum: int) -> None:
        if self.process.pid and self.process.exitcode is None:
            os.kill(self.process.pid, signum)

    def hear(self) -> None:
        """Take the answer in; there is none from a process that was killed."""
        assert self.answer
        answer, self.answer = received(self.answer), None
        if answer is None:
            return
        kind, said = answer
        if kind == "stopped":
            kind, said = "error", f"was stopped by {signal.Signals(said).name}"
        self.outcome = Outcome(value=said) if kind == "value" else Outcome(error=said)


class _Pool:
    """Which tasks wait, which run, and how the others ended."""

    def __init__(self, tasks: Sequence[Task], slots: Slots, board: Board) -> None:
        self.tasks, self.slots, self.board = tasks, slots, board
        self.waiting = deque(range(len(tasks)))
        self.running: list[_Job] = []
        self.outcomes: dict[int, Outcome] = {}

    def start(self) -> None:
        """Strictly in their order, so that a job that wants much is not put off for ever."""
        while self.waiting:
            number = self.waiting[0]
            task = self.tasks[number]
            try:
                self.slots.check(task.request)
            except ValueError as error:
                self._end(self.waiting.popleft(), Outcome(error=str(error)))
                continue
            allocation = self.slots.take(task.request)
            if allocation is None:
                return
            self.waiting.popleft()
            self.board.started(number)
            self.running.append(_Job(number, allocation, *start(task.function, task.arguments, allocation, task.log)))

    def await_news(self) -> None:
        """Until something happens, or for a moment."""
        self.board.look()
        ready = wait([job.answer or job.process.sentinel for job in self.running], timeout=1) if self.running else []
        for job in list(self.running):
            if job.answer in ready:
                job.hear()
            elif job.answer is None and job.process.sentinel in ready:
                job.process.join()
                self.running.remove(job)
                self.slots.give_back(job.allocation)
                self._end(job.number, job.outcome or Outcome(error=_death(job.process.exitcode)))

    def stop(self, signum: int) -> None:
        """Every job is told once; a second Ctrl-C leaves this function and has them killed."""
        self.board.say(f"stopping; what runs ({len(self.running)}) saves where it stands (Ctrl-C again kills it)")
        for job in self.running:
            job.send(signum)
        deadline = time.monotonic() + PATIENCE
        while self.running and time.monotonic() < deadline:
            self.await_news()

    def kill(self) -> None:
        """With all the processes of their sessions."""
        for job in self.running:
            assert job.process.pid  # 0 would be our own session
            try:
                os.killpg(job.process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                job.send(signal.SIGKILL)  # it had no session yet
            job.process.join()

    def _end(self, number: int, outcome: Outcome) -> None:
        self.outcomes[number] = outcome
        measure, value = self.tasks[number].measure, outcome.value
        told = f"{measure} {value:.4g}" if measure and isinstance(value, float) else None
        self.board.ended(number, outcome.error, told)


def _death(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code} and without a word"
