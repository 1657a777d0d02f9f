"""What is said where a checkpoint turns out damaged only when its parts are given to those who saved them."""

from collections.abc import Iterator
from contextlib import contextmanager

import lightning.pytorch as pl

from seqmodels.checkpoints.io import Saved
from seqmodels.exceptions import reason


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
        if checkpoint is None or not trainer._checkpoint_connector._loaded_checkpoint:
            raise
        raise ValueError(
            f"{checkpoint.path} cannot be read: its inside is damaged ({reason(error)}); the run was left as it is"
        ) from error
