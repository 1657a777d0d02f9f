"""The signals that end a command, the same for all of them, and how they reach it.

They raise `Stopped` at once, or they are noted until there is a good moment. A signal that was ignored when the command
began stays ignored: nohup does so with SIGHUP. Processes that only help never hear them: whoever sends a signal to a
whole group or job means the command.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import NoReturn

from seqmodels.exceptions import Stopped

NAMES = ("SIGHUP", "SIGUSR1", "SIGTERM", "SIGUSR2", "SIGINT")

SIGNALS = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
"""Of two, in one process or in several, the later one here counts: a job that is to be queued again (SIGUSR2) is."""


Handler = Callable[[int, FrameType | None], None]

_own: ContextVar[Handler | None] = ContextVar("_own", default=None)
"""In a job that takes turns with others in one process, the handler of its own."""


@contextmanager
def stoppable() -> Iterator[None]:
    """A signal raises `Stopped` at once."""

    def stop(signum: int, frame: FrameType | None) -> NoReturn:
        raise Stopped(signum)

    with handled(stop):
        yield


@contextmanager
def handled(handler: Handler) -> Iterator[None]:
    """The handler takes the signals that are not ignored; afterwards all is as before."""
    if _own.get() is not None:
        token = _own.set(handler)
        try:
            yield
        finally:
            _own.reset(token)
        return
    before = {}
    if threading.current_thread() is threading.main_thread():  # elsewhere no signal can be caught
        heard = [one for one in SIGNALS if signal.getsignal(one) not in (signal.SIG_IGN, None)]
        before = {one: signal.signal(one, handler) for one in heard}
    try:
        yield
    finally:
        for one, handler_before in before.items():
            signal.signal(one, handler_before)


def handle_alone(handler: Handler) -> None:
    """From now on signals that come while this context runs are its own, and `handled` is of this context only."""
    _own.set(handler)


def pass_on(signum: int, frame: FrameType | None = None) -> bool:
    """Give a signal to the context that runs; whether it has a handler of its own."""
    own = _own.get()
    if own is not None:
        own(signum, frame)
    return own is not None


@contextmanager
def withheld() -> Iterator[None]:
    """Processes that are started meanwhile hear no signal until they `hear` again; this one hears them afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def hear() -> None:
    """In a process that was started `withheld`: what has come meanwhile comes now."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def obey_parent_alone() -> None:
    """From now on this process hears no signal but SIGTERM of its parent, by which multiprocessing ends its own."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    if hasattr(signal, "sigwaitinfo"):  # macOS cannot say who sent a signal; there SIGKILL has to do
        threading.Thread(target=_await_parent, args=(os.getppid(),), daemon=True).start()


def _await_parent(parent: int) -> NoReturn:
    while signal.sigwaitinfo([signal.SIGTERM]).si_pid != parent:
        pass
    os._exit(0)  # torch reports any other end as an error
