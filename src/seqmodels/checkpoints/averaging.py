"""Callbacks of Lightning that put other weights in place of those that are trained, or change how they are trained.

Averages are validated and tested, and stand in a checkpoint's `state_dict`; what is trained stands beside them, in
`current_model_state`, and a resumed run goes on with it.
"""

from collections.abc import Sequence

import lightning.pytorch as pl
from lightning.pytorch.callbacks import (
    BatchSizeFinder,
    GradientAccumulationScheduler,
    LearningRateFinder,
    StochasticWeightAveraging,
    WeightAveraging,
)

INEXACT = {
    StochasticWeightAveraging: "the weights that it tests stand in no checkpoint, and its averaging does not go on; "
    "callbacks=ema is saved and goes on, and with "
    "callbacks.ema._target_=lightning.pytorch.callbacks.WeightAveraging ~callbacks.ema.decay it is an equal average",
    GradientAccumulationScheduler: "a run that is resumed within an epoch goes on with groups of another size; give "
    "trainer.accumulate_grad_batches=N",
    LearningRateFinder: "it would choose anew where a run is resumed; give optimizer.lr=LR",
    BatchSizeFinder: "it would choose anew where a run is resumed; give datamodule.batch_size=N",
}
"""What leaves no checkpoint from which a training goes on, and what to take instead."""


def check_resumable(callbacks: Sequence[pl.Callback]) -> None:
    """
    Raises:
        ValueError: a callback keeps what a resumed run would need to itself.
    """
    for callback in callbacks:
        for kind, reason in INEXACT.items():
            if isinstance(callback, kind):
                raise ValueError(f"callbacks: {kind.__name__} cannot be resumed: {reason}")


def swap_averaged_weights_back(trainer: pl.Trainer) -> None:
    """To be called where a validation is left, in which averaged weights stand in the model."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, WeightAveraging):
            callback.on_validation_epoch_end(trainer, trainer.lightning_module)
