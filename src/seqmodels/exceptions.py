"""What is raised on purpose, and how any error becomes one sentence."""

import signal

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException


class Stopped(KeyboardInterrupt):
    """Raised by `train` once the last step is saved.

    Attributes:
        signum: of the signal that asked.
        folder: of the run, to go on with `resume`.
    """

    def __init__(self, signum: int = signal.SIGINT, folder: str | None = None) -> None:
        super().__init__(signum, folder)
        self.signum, self.folder = signum, folder


class Pruned(Exception):
    """Raised by `train` when a search ended the run early, in all its processes after the same validation."""


MISTAKES = (ValueError, OSError, HydraException, OmegaConfBaseException)
"""What a wrong input raises; anything else is a bug of ours and keeps its traceback."""


def first_line(error: BaseException) -> str:
    """What went wrong, without the rest of the story; an error without a word says its type."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def message_of(error: BaseException) -> str:
    """Hydra puts what matters into the cause."""
    message = str(error).strip()
    cause = error.__cause__
    if isinstance(error, HydraException) and cause is not None and str(cause) not in message:
        message += f"\n{first_line(cause)}"
    return message


def reason(error: BaseException) -> str:
    """The first line; a bug also says its type."""
    line, kind = first_line(error), type(error).__name__
    return line if isinstance(error, ValueError | OSError) or line == kind else f"{kind}: {line}"


class JobFailed(OSError):
    """A job of a sweep failed, and has said why; the sweep goes on."""


class JobsFailed(OSError):
    """Some jobs of a sweep did not finish."""
