"""The outermost layer of every command: errors become one message and an exit code."""

import os
import sys
from collections.abc import Callable
from typing import Any

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

FULL_ERROR = "HYDRA_FULL_ERROR"
MISTAKES = (ValueError, OSError, HydraException, OmegaConfBaseException)
"""What a wrong input raises; anything else is a bug of ours and keeps its traceback."""


def run_command(command: Callable[[], Any]) -> None:
    """Run a command and leave the process: 0 done, 1 a mistake in the input or a bug, 130 stopped with Ctrl-C."""
    full_error = os.environ.get(FULL_ERROR) == "1"
    os.environ[FULL_ERROR] = "1"  # makes Hydra hand on what it would otherwise print itself
    try:
        command()
    except KeyboardInterrupt:
        print("stopped; what was reached is in the run's folder", file=sys.stderr)
        sys.exit(130)
    except MISTAKES as error:
        if full_error:
            raise
        print(f"error: {message_of(error)}\n(HYDRA_FULL_ERROR=1 shows where)", file=sys.stderr)
        sys.exit(1)


def message_of(error: BaseException) -> str:
    """Hydra puts what matters into the cause."""
    message = str(error).strip()
    cause = error.__cause__
    if isinstance(error, HydraException) and cause is not None and str(cause) not in message:
        message += f"\n{str(cause).splitlines()[0]}"
    return message
