"""Rows that cannot be predicted: each is named, and ends the prediction or is left out."""

import sys

from seqmodels.system.terminal import say


class BadRow(ValueError):
    """A row that is not what the run reads; the message says what came and what was expected."""


class RowErrors:
    """What happens to malformed rows.

    Attributes:
        skipped: how many were left out.
    """

    def __init__(self, name: str, skip: bool) -> None:
        """
        Args:
            name: of the input, for the messages.
            skip: report such rows and go on, rather than stop.
        """
        self.name, self.skip, self.skipped = name, skip, 0

    def report(self, row: int, error: BadRow) -> None:
        """
        Args:
            row: its number, counted from 1.
            error: what is wrong with it.

        Raises:
            ValueError: such rows are not to be skipped.
        """
        message = f"{self.name}, row {row}: {error}"
        if not self.skip:
            raise ValueError(f"{message} (errors=skip leaves such rows out)")
        self.skipped += 1
        say(f"skipped: {message}", file=sys.stderr)
