"""A job's process: forked within milliseconds from a server that has imported torch, Lightning and all of ours.

It has its own session, output file and share of the machine, and it stops in good order when its parent is gone.
"""

import importlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any, NoReturn

from seqmodels.exceptions import Stopped, reason
from seqmodels.parallel.slots import Allocation
from seqmodels.system.process import leave
from seqmodels.system.signals import hear, stoppable, withheld

PATIENCE = 60  # seconds that a stopped job has to finish its step and save

SINGLE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""Keeps libraries from starting threads when they are imported."""


def server() -> ForkServerContext:
    """Start the server, if it does not run yet; its imports go on while this process does other things.

    Raises:
        ValueError: the system cannot fork.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["seqmodels.parallel.preload"])
    before = {name: os.environ.get(name) for name in SINGLE}
    os.environ |= SINGLE
    try:
        with withheld():
            resource_tracker.ensure_running()  # its start lets SIGINT and SIGTERM through again
        with withheld():
            forkserver.ensure_running()
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
    return context


def start(
    function: str, arguments: tuple[Any, ...], allocation: Allocation, log: Path
) -> tuple[ForkServerProcess, Connection]:
    """Fork a process that calls the function.

    Returns:
        The process, and where its answer comes: ("value", what it returned), ("error", the first line of what went
        wrong) or ("stopped", the signal's number); nothing from a process that was killed.
    """
    context = server()
    answer, says = context.Pipe(duplex=False)
    log.parent.mkdir(parents=True, exist_ok=True)
    place = (dict(os.environ), str(Path.cwd()), str(log.absolute()))
    process = context.Process(target=_work, args=(says, function, arguments, allocation, place))
    process.start()
    says.close()
    return process, answer


def ask(function: str) -> Any:
    """What a function returns, called in a process of its own.

    Raises:
        OSError: it failed.
    """
    process, answer = start(function, (), Allocation(), Path(os.devnull))
    kind, value = received(answer) or ("killed", "its process is gone")
    process.join()
    if kind != "value":
        raise OSError(f"{function} failed: {value}")
    return value


def received(answer: Connection) -> tuple[str, Any] | None:
    """What a process answers, as `start` says; None from one that was killed."""
    try:
        return answer.recv()
    except EOFError:
        return None
    finally:
        answer.close()


def _work(
    says: Connection,
    function: str,
    arguments: tuple[Any, ...],
    allocation: Allocation,
    place: tuple[dict[str, str], str, str],
) -> NoReturn:
    multiprocessing.set_start_method(None, force=True)  # the server's is not for its jobs
    os.setsid()  # Ctrl-C in a terminal reaches the parent alone, and the parent tells its jobs
    answer: tuple[str, Any]
    code = 1
    with stoppable():
        try:
            hear()  # the server does not, nor does what it forks
            _settle(allocation, *place)
            module, _, name = function.partition(":")
            answer = "value", getattr(importlib.import_module(module), name)(*arguments)
            code = 0
        except KeyboardInterrupt as stop:
            signum = int(Stopped.of(stop).signum)
            answer, code = ("stopped", signum), 128 + signum
        except Exception as error:
            traceback.print_exc()
            answer = "error", reason(error)
    try:
        says.send(answer)
    except Exception as error:  # what cannot be pickled
        says.send(("error", reason(error)))
    leave(code)


def _settle(allocation: Allocation, environment: dict[str, str], folder: str, log: str) -> None:
    """The parent's surroundings rather than the server's, and the job's own share of the machine."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(output, stream.fileno())
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    threading.Thread(target=_watch_parent, daemon=True).start()
    os.environ.clear()
    os.environ |= environment
    os.chdir(folder)
    if allocation.gpus or allocation.groups:
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(allocation.gpus)
    os.environ["OMP_NUM_THREADS"] = str(allocation.threads)  # also for the processes that it starts
    import torch

    torch.set_num_threads(allocation.threads)


def _watch_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE)
    os.killpg(0, signal.SIGKILL)
