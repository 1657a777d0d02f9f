"""Signals that stop a prediction between two rows: never between a prediction and the state that belongs to it.

A handler only notes its signal. What it wakes is the waiting for input and for room in the output, through
`signal.set_wakeup_fd`, so that a signal is not missed that comes just before the waiting begins.
"""

import os
import select
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from seqmodels.exceptions import Stopped
from seqmodels.system.signals import SIGNALS


class Stopping:
    """While it is entered, signals are noted, and `check` and the waiting raise `Stopped`."""

    def __init__(self) -> None:
        self._asked: int | None = None
        self._before: dict[int, Any] = {}
        self._polls: dict[tuple[int, int], select.poll] = {}

    def __enter__(self) -> "Stopping":
        self._woken, self._wakes = os.pipe()
        for end in (self._woken, self._wakes):
            os.set_blocking(end, False)
        if threading.current_thread() is threading.main_thread():  # elsewhere no signal can be caught
            self._wakes_before = signal.set_wakeup_fd(self._wakes, warn_on_full_buffer=False)
            caught = [one for one in SIGNALS if signal.getsignal(one) is not signal.SIG_IGN]  # nohup ignores SIGHUP
            self._before = {one: signal.signal(one, self._note) for one in caught}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._before:
            signal.set_wakeup_fd(self._wakes_before)
        os.close(self._woken)
        os.close(self._wakes)
        for signum, handler in self._before.items():  # last, since from here on a signal may raise again
            signal.signal(signum, handler)

    def check(self) -> None:
        """
        Raises:
            Stopped: a signal has come.
        """
        if self._asked is not None:
            raise Stopped(self._asked)

    def until_readable(self, fd: int) -> None:
        """Wait until there is something to read, or the end of it.

        Raises:
            Stopped: a signal has come or comes.
        """
        while True:
            self.check()
            if self._ready(fd, select.POLLIN):
                return

    def until_writable(self, fd: int) -> None:
        """Wait until there is room for something to write; at least `select.PIPE_BUF` bytes, of a pipe.

        Raises:
            Stopped: a signal comes while there is no room.
        """
        while not self._ready(fd, select.POLLOUT):
            self.check()

    def _ready(self, fd: int, event: int) -> bool:
        if (fd, event) not in self._polls:
            self._polls[fd, event] = poll = select.poll()
            poll.register(fd, event)
            poll.register(self._woken, select.POLLIN)
        happened = [number for number, _ in self._polls[fd, event].poll()]
        if self._woken in happened:
            os.read(self._woken, 64)
        return fd in happened

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self._asked = signum
