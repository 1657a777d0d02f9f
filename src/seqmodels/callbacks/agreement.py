"""How several ranks decide the same thing at the same step."""

import time

import lightning.pytorch as pl
import torch


class Agreement:
    """A wish of one rank becomes the decision of all, about once a second; a rank alone decides at once.

    Asking the others costs a collective call, so it is not done every step. How many steps make a second is itself
    agreed upon: ranks that ask at different steps would wait for each other for ever.
    """

    def __init__(self) -> None:
        self._next = 0
        self._asked = (0, 0.0)

    def reached(self, trainer: pl.Trainer, wish: int) -> int:
        """The greatest wish of any rank, 0 for none; to be called by all ranks after every training batch."""
        if trainer.world_size == 1:
            return wish
        step, now = trainer.fit_loop.total_batch_idx, time.monotonic()
        if step < self._next:
            return 0
        last_step, last_time = self._asked
        pace = (step - last_step) / max(now - last_time, 1e-3)
        votes = torch.tensor([float(wish), pace], device=trainer.strategy.root_device)
        torch.distributed.all_reduce(votes, op=torch.distributed.ReduceOp.MAX)
        greatest, steps_a_second = votes.tolist()
        self._next = step + max(1, min(1000, int(steps_a_second)))
        self._asked = (step, now)
        return int(greatest)
