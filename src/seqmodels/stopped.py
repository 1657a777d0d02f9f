"""A run that was asked to stop: Ctrl-C, a scheduler that wants its machine back, a search that has seen enough."""

import signal


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
