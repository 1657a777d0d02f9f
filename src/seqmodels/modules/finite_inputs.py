"""Inputs that are no numbers: an error that names them, or replaced and left out of the loss."""

import torch
from torch import Tensor

from seqmodels.datamodules.window import Window

NAMED = 5
"""Places that the error names."""

NOTED = 2**20
"""Numbers that are kept for a look later, 4 MiB."""


class FiniteInputs:
    """Finds inputs that are NaN or infinite, since one of them spoils the state and the gradient of all weights.

    Windows are noted and looked at together: a look at each would make a GPU wait, and cost a CPU 2 % of a small step.
    """

    def __init__(self) -> None:
        self._noted: list[tuple[int, Tensor]] = []
        self._elements = 0

    def note(self, x: Tensor, window: int, look: bool, rank: int) -> None:
        """
        Args:
            x: (B, T, D) inputs.
            window: its number, for the error.
            look: now; else when much is noted.
            rank: of this process, for the error: it owns as many streams as each of those before it.

        Raises:
            ValueError: names rows, steps and windows.
        """
        self._noted.append((window, x))
        self._elements += x.numel()
        if look or self._elements > NOTED:
            self.look(rank)

    def look(self, rank: int) -> None:
        """Look at what was noted since the last look.

        Raises:
            ValueError: names rows, steps and windows.
        """
        noted, self._noted, self._elements = self._noted, [], 0
        if not noted or bool(torch.stack([x.sum() for _, x in noted]).isfinite().all()):
            return
        places = [
            (window, rank * len(x) + row, step)
            for window, x in noted
            for row, step in (~x.isfinite().all(-1)).nonzero().tolist()
        ]
        if not places:
            return
        named = ", ".join(f"row {row} step {step} of window {window}" for window, row, step in places[:NAMED])
        more = f" and {len(places) - NAMED} more" if len(places) > NAMED else ""
        raise ValueError(
            f"nan_input='error': the input is NaN or infinite at {named}{more}; clean the data, or use nan_input=mask, "
            f"which reads the mean instead and leaves such steps out of the loss"
        )


def without_nan(window: Window, mean: Tensor) -> Window:
    """The window with the mean in place of what is NaN or infinite, and such steps taken out of the mask.

    Masking the loss alone would not do: a NaN input gives NaN gradients wherever the state goes.
    """
    finite = window.x.isfinite()
    x = torch.where(finite, window.x, mean.to(window.x.dtype))
    return window._replace(x=x, mask=window.mask & finite.all(-1))
