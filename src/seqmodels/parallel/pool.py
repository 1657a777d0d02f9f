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
from seqmodels.parallel.process import PATIENCE, start
from seqmodels.parallel.slots import Need, Share, Slots
from seqmodels.system.signals import stoppable

CORE = Need()


@dataclass(frozen=True)
class Task:
    """A job to be run.

    Attributes:
        name: shown in the live status.
        function: "package.module:name" of what the job's process calls.
        arguments: for it; they are pickled, as is what it returns.
        log: where the process writes what it prints.
        need: its slots.
    """

    name: str
    function: str
    arguments: tuple[Any, ...]
    log: Path
    need: Need = CORE


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Attributes:
        value: what its function returned.
        error: the first line of what went wrong; None if nothing did.
    """

    value: Any = None
    error: str | None = None


@dataclass
class _Job:
    number: int
    share: Share
    process: ForkServerProcess
    answer: Connection | None
    outcome: Outcome | None = None


def run(tasks: Sequence[Task], slots: Slots) -> list[Outcome]:
    """Run all tasks and show how they stand; a task that fails does not stop the others.

    Raises:
        Stopped: a signal came; the running jobs were told, have saved what they had and are gone.
    """
    outcomes: list[Outcome | None] = [None] * len(tasks)
    waiting = deque(range(len(tasks)))
    running: list[_Job] = []
    with stoppable(), Board([task.name for task in tasks]) as board:
        try:
            while waiting or running:
                _start(tasks, waiting, running, slots, outcomes, board)
                _await(running, slots, outcomes, board)
        except KeyboardInterrupt as stop:
            signum = stop.signum if isinstance(stop, Stopped) else signal.SIGINT
            _stop(running, signum, slots, outcomes, board)
            raise Stopped(signum) from None
        finally:
            for job in running:
                _kill(job)  # a bug of ours, or a second Ctrl-C
    return [outcome or Outcome(error="was never started") for outcome in outcomes]


def _start(
    tasks: Sequence[Task],
    waiting: deque[int],
    running: list[_Job],
    slots: Slots,
    outcomes: list[Outcome | None],
    board: Board,
) -> None:
    """Strictly in their order, so that a job that wants much is not put off for ever."""
    while waiting:
        number = waiting[0]
        task = tasks[number]
        try:
            slots.check(task.need)
            share = slots.take(task.need)
        except ValueError as error:
            waiting.popleft()
            outcomes[number] = Outcome(error=str(error))
            board.ended(number, str(error))
            continue
        if share is None:
            return
        waiting.popleft()
        board.started(number)
        running.append(_Job(number, share, *start(task.function, task.arguments, share, task.log)))


def _await(running: list[_Job], slots: Slots, outcomes: list[Outcome | None], board: Board) -> None:
    """Until something happens, or for a moment."""
    board.look()
    ready = wait([job.answer or job.process.sentinel for job in running], timeout=1) if running else []
    for job in list(running):
        if job.answer in ready:
            job.outcome = _hear(job.answer)
            job.answer = None  # its slots are free once the process is gone, and with it its memory
        elif job.answer is None and job.process.sentinel in ready:
            job.process.join()
            running.remove(job)
            slots.give_back(job.share)
            outcomes[job.number] = job.outcome or Outcome(error=_death(job.process.exitcode))
            board.ended(job.number, outcomes[job.number].error)  # type: ignore[union-attr]


def _hear(answer: Connection) -> Outcome | None:
    try:
        kind, said = answer.recv()
    except EOFError:
        return None
    finally:
        answer.close()
    if kind == "stopped":
        return Outcome(error=f"was stopped by {signal.Signals(said).name}")
    return Outcome(value=said) if kind == "value" else Outcome(error=said)


def _death(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code} and without a word"


def _stop(running: list[_Job], signum: int, slots: Slots, outcomes: list[Outcome | None], board: Board) -> None:
    """Every job is told once; a second Ctrl-C leaves this function and has them killed."""
    board.say(f"stopping; what runs ({len(running)}) saves where it stands (Ctrl-C again kills it)")
    for job in running:
        _send(job, signum)
    deadline = time.monotonic() + PATIENCE
    while running and time.monotonic() < deadline:
        _await(running, slots, outcomes, board)


def _send(job: _Job, signum: int) -> None:
    if job.process.pid and job.process.exitcode is None:
        os.kill(job.process.pid, signum)


def _kill(job: _Job) -> None:
    """With all the processes of its session."""
    try:
        os.killpg(job.process.pid or 0, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        _send(job, signal.SIGKILL)  # it had no session yet
    job.process.join()
