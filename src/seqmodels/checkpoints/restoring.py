"""What is said where a checkpoint turns out damaged only when its parts are given to those who saved them."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager

import lightning.pytorch as pl
import torch
from torch import nn
from torch.optim import Optimizer

from seqmodels.checkpoints.io import Saved
from seqmodels.exceptions import reason


class Lacking(LookupError):
    """Something that was restored is less than what a training leaves, and nobody else would notice."""


@contextmanager
def restored(trainer: pl.Trainer, checkpoint: Saved | None) -> Iterator[None]:
    """Around a fit that goes on from a checkpoint.

    Raises:
        ValueError: what is inside does not fit those who saved it.
    """
    try:
        yield
    except (LookupError, TypeError, AttributeError, RuntimeError) as error:
        # Lightning holds the checkpoint until all of it is restored, and no longer.
        restoring = isinstance(error, Lacking) or trainer._checkpoint_connector._loaded_checkpoint
        if checkpoint is None or not restoring:
            raise
        raise ValueError(
            f"{checkpoint.path} cannot be read: its inside is damaged ({reason(error)}); the run was left as it is"
        ) from error


def check_optimizers(trainer: pl.Trainer) -> None:
    """Look at what was restored into the optimizers of a training that has made a step.

    Raises:
        Lacking: one holds nothing of its past, as Adam's moments, or not all of it: it would begin anew.
    """
    if not trainer.global_step or getattr(trainer.precision_plugin, "scaler", None):
        return  # a scaler leaves out the first steps of a training, which then have no past
    for number, optimizer in enumerate(trainer.optimizers):
        kept, states = _kept_by(optimizer), list(optimizer.state.values())
        lost = {key for state in states for key in kept - state.keys()} if states else kept
        if lost:
            raise Lacking(f"optimizer_states.{number} lacks {', '.join(sorted(lost))}")


def _kept_by(optimizer: Optimizer) -> set[str]:
    """What such an optimizer knows of a weight after one step: nothing in the case of SGD without momentum."""
    like = optimizer.param_groups[0]["params"][0]
    weight = nn.Parameter(torch.ones(1, dtype=like.dtype, device=like.device))
    weight.grad = torch.ones_like(weight)
    taken = inspect.signature(type(optimizer)).parameters
    tried = type(optimizer)([weight], **{key: value for key, value in optimizer.defaults.items() if key in taken})
    tried.step()
    return {str(key) for key, value in tried.state[weight].items() if value is not None}
