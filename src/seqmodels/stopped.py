"""A run that was asked to stop: Ctrl-C, or a scheduler that wants its machine back."""

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
