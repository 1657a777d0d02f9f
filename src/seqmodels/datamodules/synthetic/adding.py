"""The adding problem (Hochreiter & Schmidhuber 1997): add the two values that are marked, however far apart.

    value     0.3  0.9  0.5  0.1 | 0.7  0.2  0.8  0.6      uniform in [0, 1)
    marker     0    1    0    0  |  0    0    1    0       one in the first half, one in the second
    target     0   0.9  0.9  0.9   0.9  0.9  1.7  1.7      what was marked so far; only the last step counts

This is the form of Le, Jaitly & Hinton 2015 (arXiv 1504.00941) and of Arjovsky, Shah & Bengio 2016 (arXiv 1511.06464),
with as many training and test samples as in the former. A model that always says 1, the mean, has a mean squared error
of 1/6 = 0.1667, the variance of the sum of two uniform numbers; Le et al. print 0.1767.
"""

from typing import Any

import numpy as np
import torch

from seqmodels.config.ranges import LONGEST, at_least, at_most
from seqmodels.datamodules.synthetic.generated import GeneratedSequences, below
from seqmodels.datamodules.window import Window


class AddingProblem(GeneratedSequences):
    """Windows x (B, T, 2), y (B, T, 1), each row a sequence of its own, for a regressor.

    Attributes:
        name: "adding". input_size: 2. output_size: 1.
    """

    name = "adding"
    task = "regression"
    input_size, output_size = 2, 1
    input_names, target_names = ("value", "marker"), ("sum",)

    def __init__(self, steps: int = 100, **options: Any) -> None:
        """
        Args:
            steps: T.
            options: as in `GeneratedSequences`.

        Raises:
            ValueError: an argument is outside its range.
        """
        super().__init__(**options)
        at_least(2, steps=steps)
        at_most(LONGEST, steps=steps)
        self.steps = self.longest = steps
        self.numbers = steps + 2

    def make(self, u: np.ndarray) -> Window:
        """The first T of the T + 2 numbers are the values, the others say where the markers are."""
        half, rows = self.steps // 2, torch.arange(len(u))
        value = torch.from_numpy(u[:, : self.steps].astype(np.float32))
        marker = torch.zeros_like(value)
        marker[rows, below(half, u[:, -2])] = 1
        marker[rows, half + below(self.steps - half, u[:, -1])] = 1
        counts = torch.zeros(value.shape, dtype=torch.bool)
        counts[:, -1] = True
        return Window(
            torch.stack([value, marker], -1),
            (value * marker).cumsum(1).unsqueeze(-1),
            torch.ones(len(u), dtype=torch.bool),
            counts,
        )

    def summary(self) -> str:
        return f"{self.name}: {self.steps} steps; {self.sizes()}"

    def facts(self) -> dict[str, Any]:
        return {"baselines": {"constant": {"loss": 1 / 6}}}
