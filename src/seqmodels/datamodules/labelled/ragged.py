"""Sequences of different lengths in memory, and batches of them: one gather, padded to the batch's longest.

    steps    a0 a1 a2 | b0 | c0 c1          lengths  3 1 2

    a batch of b, c:   b0 b0      lengths  1 2
                       c0 c1

A row is padded with its last step, so that padding is as harmless to a core as what stands before it.
"""

import torch
from torch import Tensor
from torch.utils.data import Dataset

Batch = tuple[Tensor, Tensor, Tensor] | tuple[Tensor, Tensor, Tensor, Tensor]
"""x (B, T, D) float32, labels (B,) int64, lengths (B,) int64, and, where a core is told the time, dt (B, T) float32."""


class RaggedRows(Dataset[Batch]):
    """N sequences end to end, fetched a batch at a time."""

    def __init__(self, steps: Tensor, lengths: Tensor, labels: Tensor, dt: Tensor | None = None) -> None:
        """
        Args:
            steps: (S, D) float32, all steps of all sequences.
            lengths: (N,) int64, each at least 1; they add up to S.
            labels: (N,) int64; -1 where the class is not known.
            dt: (S,) float32, the time since the step before, as in `Core`; None: it is not told.
        """
        self.steps, self.lengths, self.labels, self.dt = steps, lengths, labels, dt
        self._starts = lengths.cumsum(0) - lengths

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitems__(self, rows: Tensor) -> Batch:
        lengths = self.lengths[rows]
        time = torch.minimum(torch.arange(int(lengths.max())), lengths[:, None] - 1)
        at = self._starts[rows, None] + time
        batch = self.steps[at], self.labels[rows], lengths
        return batch if self.dt is None else (*batch, self.dt[at])
