"""The outermost layer of every command: errors become one message and an exit code."""

import errno
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from seqmodels.cli.arguments import Arguments, help_text, read
from seqmodels.exceptions import MISTAKES, Stopped, message_of
from seqmodels.system.process import UNREAD
from seqmodels.system.signals import stoppable

FULL_ERROR = "HYDRA_FULL_ERROR"

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


def run_on_arguments(
    about: str | None, keys: Mapping[str, str], work: Callable[[Arguments], Any], takes_overrides: bool = True
) -> int:
    """Run a command whose arguments are `key=value`, and return its exit code.

    Args:
        about: its docstring, which --help shows.
        keys: its own keys, with a line about each.
        work: what it does.
        takes_overrides: whether other keys change the run's config.
    """

    def command() -> None:
        if {"-h", "--help"} & set(sys.argv[1:]):
            print(help_text(about or "", keys))
            return
        if not sys.argv[1:]:
            print(help_text(about or "", keys), file=sys.stderr)
            raise SystemExit(2)
        work(read(sys.argv[1:], keys, takes_overrides))

    return run_command(command)


def _unread(error: BaseException) -> bool:
    """Whether printing failed since nobody reads; other pipes break for reasons that have to be told."""
    if not isinstance(error, BrokenPipeError) or error.errno != errno.EPIPE:
        return False
    poll = select.poll()
    poll.register(1, select.POLLOUT)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


@contextmanager
def job() -> Iterator[None]:
    """Around the work of one job: its child processes see the environment as the user made it."""
    if not _traceback_wanted:
        os.environ.pop(FULL_ERROR, None)
    try:
        yield
    finally:
        os.environ[FULL_ERROR] = "1"
