"""The outermost layer of every command: errors become one message and an exit code."""

import errno
import logging
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hydra.errors import ConfigCompositionException

from seqmodels.config.compose import refused
from seqmodels.config.normalize import config_dirs
from seqmodels.config.overrides import overrides_in
from seqmodels.exceptions import MISTAKES, Stopped, first_line, is_out_of_memory, message_of
from seqmodels.system.process import UNREAD
from seqmodels.system.signals import stoppable
from seqmodels.system.terminal import say

FULL_ERROR = "HYDRA_FULL_ERROR"


def run_command(command: Callable[[], Any]) -> int:
    """Run a command and return its exit code.

    0 done; 1 a mistake in the input; 128 + the signal's number when stopped by one: 130 Ctrl-C, 143 SIGTERM,
    129 SIGHUP, 138 SIGUSR1, 140 SIGUSR2 (on Linux), 141 by nobody reading what it prints.
    """
    logging.raiseExceptions = False  # a log that finds no room is no reason for a traceback a line
    try:
        with stoppable():
            command()
    except SystemExit as leaving:  # --help
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except KeyboardInterrupt as stop:
        stopped = Stopped.of(stop)
        remedy = f"; go on with: resume={stopped.folder}" if stopped.folder else ""
        say(f"stopped by {signal.Signals(stopped.signum).name}{remedy}", file=sys.stderr)
        return 128 + stopped.signum
    except MISTAKES as error:
        if _unread(error):
            return UNREAD
        if os.environ.get(FULL_ERROR) == "1":
            raise
        return _failed(message_of(error))
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error) or os.environ.get(FULL_ERROR) == "1":
            raise
        return _failed(f"this takes more memory than there is; give smaller sizes ({first_line(error)})")
    return 0


def _failed(message: str) -> int:
    say(f"error: {message}\n({FULL_ERROR}=1 shows where)", file=sys.stderr)
    return 1


@contextmanager
def raised_by_hydra(root: str) -> Iterator[None]:
    """Around Hydra's main: an error goes on to `run_command`, where Hydra would print it and leave by itself.

    Args:
        root: of the configs: "train" or "tune".
    """
    from hydra._internal import utils

    before = utils._is_env_set
    utils._is_env_set = lambda name: True  # of HYDRA_FULL_ERROR, which processes that a run starts would inherit
    try:
        yield
    except ConfigCompositionException as error:
        if better := refused(error, overrides_in(sys.argv[1:]), root, config_dirs(sys.argv[1:])):
            raise better from error
        raise
    finally:
        utils._is_env_set = before


def _unread(error: BaseException) -> bool:
    """Whether printing failed since nobody reads; other pipes break for reasons that have to be told."""
    if not isinstance(error, BrokenPipeError) or error.errno != errno.EPIPE:
        return False
    poll = select.poll()
    poll.register(1, select.POLLOUT)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
