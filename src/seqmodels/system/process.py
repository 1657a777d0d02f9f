"""This process: whether it writes the files, how many cores it has, and how it ends."""

import atexit
import gc
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

UNREAD = 128 + 13
"""The exit code where whoever read standard output has gone, as `| head` does: that of SIGPIPE, where there is one."""


def is_first_process() -> bool:
    """Whether this process writes the files: rank 0 of a distributed run, or the only one."""
    from lightning.pytorch.utilities.rank_zero import rank_zero_only  # here, since a command's --help needs no rank

    return getattr(rank_zero_only, "rank", 0) == 0


def leave(code: int) -> NoReturn:
    """Leave the process without taking the interpreter apart, which costs 1.5 s once torch is loaded."""
    threading._shutdown()  # type: ignore[attr-defined]  # as Python does first: pools of processes end here
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):  # None is one that was closed before the process began
        try:
            if stream is not None:
                stream.flush()
        except BrokenPipeError:
            code = code or UNREAD
    os._exit(code)


@contextmanager
def uncollected() -> Iterator[None]:
    """Around the imports of a start: nothing of them is garbage, and looking for some takes a fifth of their time.

    Only the first time, since what is frozen is never collected: garbage of a job must not be.
    """
    if "torch" in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # what was imported stays, so that later looks leave it out
        gc.enable()


def cores_here() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
