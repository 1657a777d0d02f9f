"""The copying memory task (Hochreiter & Schmidhuber 1997): say the symbols again after a long pause.

With 3 symbols (10 in the literature), a delay T of 5, blanks (.) and the delimiter (!) that asks for the symbols:

    input     2 7 1 . . . . ! . . .      T + 2 * 3 steps, one-hot
    target    . . . . . . . . 2 7 1
                              scored

This is the form of Arjovsky, Shah & Bengio 2016 (arXiv 1511.06464): T - 1 blanks, the delimiter, then blanks while the
symbols are said. (Other programs repeat the delimiter in their place.) A model without a memory, which says blank and
then one of the 8 symbols by chance, has a cross entropy of 10 log(8) / (T + 20), mean over all steps.
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from seqmodels.config.ranges import LONGEST, WIDEST, at_least, at_most, size
from seqmodels.datamodules.synthetic.generated import GeneratedSequences, below


class CopyMemory(GeneratedSequences):
    """Batches x (B, S, alphabet + 2), labels (B, S), scored (B, S) bool, with S = T + 2 `symbols`, for a labeller.

    Attributes:
        name: "copy". input_size, output_size: alphabet + 2.
        class_names: the symbols "0", "1", ..., then "blank" and "delimiter".
    """

    name = "copy"
    task = "labelling"

    def __init__(self, delay: int = 100, symbols: int = 10, alphabet: int = 8, **options: Any) -> None:
        """
        Args:
            delay: T, steps from the end of the symbols to the beginning of the answer.
            symbols: how many are to be kept.
            alphabet: how many there are to choose from.
            options: as in `GeneratedSequences`.

        Raises:
            ValueError: an argument is outside its range.
        """
        super().__init__(**options)
        size(LONGEST, delay=delay, symbols=symbols)
        at_least(2, alphabet=alphabet)
        at_most(WIDEST, alphabet=alphabet)
        self.delay, self.symbols, self.alphabet = delay, symbols, alphabet
        self.numbers, self.steps = symbols, delay + 2 * symbols
        self.input_size = self.output_size = alphabet + 2
        self.class_names = self.input_names = [*map(str, range(alphabet)), "blank", "delimiter"]

    def make(self, u: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """The numbers are the symbols."""
        blank, delimiter = self.alphabet, self.alphabet + 1
        symbols = below(self.alphabet, u)
        read = torch.full((len(u), self.steps), blank)
        read[:, : self.symbols] = symbols
        read[:, self.symbols + self.delay - 1] = delimiter
        labels = torch.full_like(read, blank)
        labels[:, -self.symbols :] = symbols
        scored = torch.zeros(read.shape, dtype=torch.bool)
        scored[:, -self.symbols :] = True
        return F.one_hot(read, self.input_size).float(), labels, scored

    def read_labels(self, x: Tensor) -> Tensor:
        return x.argmax(-1)

    def summary(self) -> str:
        return (
            f"{self.name}: {self.symbols} of {self.alphabet} symbols over a delay of {self.delay}, {self.steps} steps; "
            f"{self.sizes()}"
        )

    def facts(self) -> dict[str, Any]:
        return {"baselines": {"memoryless": {"loss": self.symbols * math.log(self.alphabet) / self.steps}}}
