"""Inputs that are no numbers: an error that names them, or replaced and left out of the loss."""

import math

import torch
from torch import Tensor

from seqmodels.datamodules.stream import Window

NAMED = 5
"""Places that the error names."""


class FiniteInputs:
    """Finds inputs that are NaN or infinite, since one of them spoils the state and the gradient of all weights.

    The CPU is asked about every window. A GPU would have to wait for each answer, so its windows are noted and looked
    at together.
    """

    def __init__(self) -> None:
        self._noted: list[tuple[int, Tensor]] = []

    def note(self, x: Tensor, window: int, look: bool, rank: int) -> None:
        """
        Args:
            x: (B, T, D) inputs.
            window: its number, for the error.
            look: whether a GPU may be made to wait.
            rank: of this process, for the error: it owns as many streams as each of those before it.

        Raises:
            ValueError: names rows, steps and windows.
        """
        if x.device.type == "cpu":
            if not math.isfinite(x.sum()):
                self._noted.append((window, x.isfinite().all(-1)))
                self.look(rank)
            return
        self._noted.append((window, x.sum(-1)))
        if look:
            self.look(rank)

    def look(self, rank: int) -> None:
        """Look at what was noted since the last look.

        Raises:
            ValueError: names rows, steps and windows.
        """
        noted, self._noted = self._noted, []
        places = [
            (window, rank * len(values) + row, step)
            for window, values in noted
            for row, step in (~_good(values)).nonzero().tolist()
        ]
        if not places:
            return
        named = ", ".join(f"row {row} step {step} of window {window}" for window, row, step in places[:NAMED])
        more = f" and {len(places) - NAMED} more" if len(places) > NAMED else ""
        raise ValueError(
            f"nan_input='error': the input is NaN or infinite at {named}{more}; clean the data, or use nan_input=mask, "
            f"which reads the mean instead and leaves such steps out of the loss"
        )


def _good(values: Tensor) -> Tensor:
    return values if values.dtype == torch.bool else values.isfinite()


def without_nan(window: Window, mean: Tensor) -> Window:
    """The window with the mean in place of what is NaN or infinite, and such steps taken out of the mask.

    Masking the loss alone would not do: a NaN input gives NaN gradients wherever the state goes.
    """
    finite = window.x.isfinite()
    x = torch.where(finite, window.x, mean.to(window.x.dtype))
    return window._replace(x=x, mask=window.mask & finite.all(-1))
