"""Signals as exceptions, for commands that do not train."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from seqmodels.exceptions import Stopped


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
