"""The outermost layer of every command: errors become one message and an exit code."""

import atexit
import errno
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from seqmodels.stopped import Stopped

FULL_ERROR = "HYDRA_FULL_ERROR"
MISTAKES = (ValueError, OSError, HydraException, OmegaConfBaseException)
"""What a wrong input raises; anything else is a bug of ours and keeps its traceback."""

UNREAD = 128 + 13
"""The exit code where whoever read standard output has gone, as `| head` does: that of SIGPIPE, where there is one."""


_traceback_wanted = False


def run_command(command: Callable[[], Any]) -> int:
    """Run a command and return its exit code.

    0 done; 1 a mistake in the input; 128 + the signal's number when stopped by one: 130 Ctrl-C, 143 SIGTERM,
    138 SIGUSR1, 140 SIGUSR2 (on Linux), 141 by nobody reading what it prints.
    """
    global _traceback_wanted
    _traceback_wanted = os.environ.get(FULL_ERROR) == "1"
    os.environ[FULL_ERROR] = "1"  # makes Hydra hand on what it would otherwise print itself
    try:
        with stoppable():
            command()
    except SystemExit as leaving:  # --help, and what argparse refuses
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except KeyboardInterrupt as stop:
        stopped = stop if isinstance(stop, Stopped) else Stopped()
        remedy = f"; go on with: resume={stopped.folder}" if stopped.folder else ""
        print(f"stopped by {signal.Signals(stopped.signum).name}{remedy}", file=sys.stderr)
        return 128 + stopped.signum
    except MISTAKES as error:
        if _unread(error):
            return UNREAD
        if _traceback_wanted:
            raise
        print(f"error: {message_of(error)}\n(HYDRA_FULL_ERROR=1 shows where)", file=sys.stderr)
        return 1
    return 0


def _unread(error: BaseException) -> bool:
    """Whether printing failed since nobody reads; other pipes break for reasons that have to be told."""
    if not isinstance(error, BrokenPipeError) or error.errno != errno.EPIPE:
        return False
    poll = select.poll()
    poll.register(1, select.POLLOUT)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


@contextmanager
def stoppable() -> Iterator[None]:
    """SIGTERM and SIGUSR1 raise `Stopped`, as Ctrl-C raises KeyboardInterrupt; a run that trains has its own way."""

    def stop(signum: int, frame: FrameType | None) -> NoReturn:
        raise Stopped(signum)

    before = {}
    if threading.current_thread() is threading.main_thread():  # elsewhere no signal can be caught
        names = [name for name in ("SIGTERM", "SIGUSR1") if hasattr(signal, name)]
        before = {signum: signal.signal(signum, stop) for signum in (getattr(signal, name) for name in names)}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def leave(code: int) -> NoReturn:
    """Leave the process without taking the interpreter apart, which costs 1.5 s once torch is loaded."""
    threading._shutdown()  # type: ignore[attr-defined]  # as Python does first: pools of processes end here
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            code = code or UNREAD
    os._exit(code)


@contextmanager
def job() -> Iterator[None]:
    """Around the work of one job: its child processes see the environment as the user made it."""
    if not _traceback_wanted:
        os.environ.pop(FULL_ERROR, None)
    try:
        yield
    finally:
        os.environ[FULL_ERROR] = "1"


def message_of(error: BaseException) -> str:
    """Hydra puts what matters into the cause."""
    message = str(error).strip()
    cause = error.__cause__
    if isinstance(error, HydraException) and cause is not None and str(cause) not in message:
        message += f"\n{str(cause).splitlines()[0]}"
    return message
