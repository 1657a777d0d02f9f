"""What is raised on purpose, and how any error becomes one sentence."""

import errno
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import disk_usage

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException


class Stopped(KeyboardInterrupt):
    """A signal ended what ran; a training has saved its last step.

    Attributes:
        signum: of the signal that asked.
        folder: of the run, to go on with `resume`.
    """

    def __init__(self, signum: int = signal.SIGINT, folder: str | None = None) -> None:
        super().__init__(signum, folder)
        self.signum, self.folder = signum, folder

    @classmethod
    def of(cls, stop: BaseException, folder: str | None = None) -> "Stopped":
        """The same stop, said of a folder; a KeyboardInterrupt that says no more is Ctrl-C."""
        return cls(getattr(stop, "signum", signal.SIGINT), folder or getattr(stop, "folder", None))


class Interrupted(BaseException):
    """A signal asked a training or a test to stop; not a KeyboardInterrupt, of which Lightning makes an exit.

    Attributes:
        signum: which one.
        after_step: an optimiser step has just been completed and is to be saved.
    """

    def __init__(self, signum: int, after_step: bool) -> None:
        super().__init__(f"interrupted by {signal.Signals(signum).name}")
        self.signum = signum
        self.after_step = after_step


@contextmanager
def one_stop(folder: str | None = None) -> Iterator[None]:
    """Around Lightning: whatever way a signal takes through it arrives as `Stopped`."""
    try:
        yield
    except (Interrupted, KeyboardInterrupt) as stop:
        raise Stopped.of(stop, folder) from None
    except SystemExit as leaving:
        if not isinstance(leaving.__context__, KeyboardInterrupt):
            raise  # submitit queues the job again by it
        raise Stopped.of(leaving.__context__, folder) from None  # Lightning turns Ctrl-C into an exit of its own


class Pruned(Exception):
    """Raised by `train` when a search ended the run early, in all its processes after the same validation."""


MISTAKES = (ValueError, OSError, HydraException, OmegaConfBaseException)
"""What a wrong input raises; anything else is a bug of ours and keeps its traceback."""


def first_line(error: BaseException) -> str:
    """What went wrong, without the rest of the story."""
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__


REMEDIES = {
    errno.EEXIST: "a file lies where a folder is needed; choose another place",
    errno.ENOTDIR: "a file lies where a folder is needed; choose another place",
    errno.EISDIR: "a folder lies where a file is needed; name a file",
    errno.ENAMETOOLONG: "no file system takes so long a name; give one of at most 255 bytes",
    errno.EROFS: "nothing can be written there; choose another place",
}
"""What to do about what the operating system says in two words."""


RESOLVING = "ValueError raised while resolving interpolation: "
"""What OmegaConf says in front of the message of a resolver of ours."""


def message_of(error: BaseException) -> str:
    """Hydra puts what matters into the cause, OmegaConf into the midst; the operating system names no remedy."""
    message, cause = str(error).strip(), error.__cause__
    if isinstance(error, OmegaConfBaseException) and message.startswith(RESOLVING):
        return first_line(error).removeprefix(RESOLVING)
    if isinstance(error, OSError) and error.errno in REMEDIES and message.startswith("[Errno"):
        path = str(error.filename)
        return f"{path if len(path) < 100 else path[:60] + '...'}: {error.strerror}; {REMEDIES[error.errno]}"
    if isinstance(error, HydraException) and cause is not None and str(cause) not in message:
        message += f"\n{first_line(cause)}"
    return message


def reason(error: BaseException) -> str:
    """The first line of what went wrong; a bug also says its type."""
    line, kind = first_line(error), type(error).__name__
    return line if isinstance(error, ValueError | OSError) or line == kind else f"{kind}: {line}"


def is_full(error: BaseException) -> bool:
    """Whether it is no fault of the run: there was no room to write."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def is_out_of_memory(error: BaseException) -> bool:
    """Of NumPy or Python, of a GPU, or of torch on the CPU, whose error has no type of its own."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return bool(kinds & {"MemoryError", "OutOfMemoryError"}) or "can't allocate memory" in str(error)


class NoRoom(OSError):
    """A file could not be written, since the disk is full; what was there before is whole."""

    def __init__(self, error: OSError, path: Path, bytes_needed: int) -> None:
        super().__init__(error.errno, error.strerror, str(path))
        self.bytes_needed = bytes_needed

    def __str__(self) -> str:
        free = disk_usage(Path(self.filename).parent).free
        return (
            f"{self.filename} cannot be written: {self.strerror} ({free / 1e6:,.1f} MB are free there, and it needs "
            f"more than {self.bytes_needed / 1e6:,.3f} MB). What was there before is whole; make room, then go on"
        )


class JobFailed(OSError):
    """A job of a sweep failed, and has said why; the sweep goes on."""


class JobsFailed(OSError):
    """Some jobs of a sweep did not finish."""
