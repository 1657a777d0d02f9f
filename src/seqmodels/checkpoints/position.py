"""Where a training stands, counted in batches consumed, and how Lightning's loops are put back there.

    epoch 0                  epoch 1
    [b0 b1 b2 | b3 b4 b5]    [b0 b1 | b2 ...          | a validation
                                    ^
                                    Position(epoch=1, batch=2, validate=False): its validation is over
                                    Position(epoch=1, batch=2, validate=True): the validation comes first

Lightning 2.6 restarts by itself only from some of these places: a validation that was due when the checkpoint was
written is left out, and the loggers' step is one behind after some of them and not after others.
"""

import random
from typing import Any, NamedTuple

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.loops.evaluation_loop import RestartStage as EvaluationRestart
from lightning.pytorch.loops.training_epoch_loop import RestartStage as TrainingRestart


class Position(NamedTuple):
    """
    Attributes:
        epoch: the running one, from 0.
        batch: batches of this epoch that were consumed.
        step: optimiser steps in all.
        validate: a validation is due before the next batch.
    """

    epoch: int
    batch: int
    step: int
    validate: bool


def position_of(trainer: pl.Trainer, validate: bool = False) -> Position:
    """Between two batches, or in any hook around one: the batches whose `training_step` is done count."""
    loop = trainer.fit_loop
    epochs: Any = loop.epoch_progress.current
    batches: Any = loop.epoch_loop.batch_progress.current
    epoch, batch = epochs.processed, batches.processed
    if epoch == epochs.started:  # at the end of an epoch, which Lightning has counted already
        if loop.epoch_loop._num_ready_batches_reached():
            batch = 0
        else:
            epoch -= 1  # max_steps or an early stop ended it half-way
    return Position(epoch, batch, trainer.global_step, validate)


def validation_is_due(trainer: pl.Trainer) -> bool:
    """Whether a validation follows the batch that has just been consumed."""
    loop = trainer.fit_loop
    assert loop._data_fetcher is not None
    return loop.epoch_loop._should_check_val_fx(loop._data_fetcher)


def loops_at(position: Position, loops: dict[str, Any]) -> None:
    """Rewrite the state of Lightning's fit loop, as a checkpoint holds it, so that it stands at `position`."""
    loop = loops["fit_loop"]
    for counts in loop["epoch_progress"].values():
        counts["ready"] = counts["started"] = position.epoch + (position.batch > 0)
        counts["processed"] = counts["completed"] = position.epoch
    batches = loop["epoch_loop.batch_progress"]
    batches["total"] = dict.fromkeys(batches["total"], batches["total"]["processed"])
    batches["current"] = dict.fromkeys(batches["current"], position.batch)
    batches["is_last_batch"] = batches["is_last_batch"] and position.validate
    validation = loop["epoch_loop.val_loop.batch_progress"]
    for counts in (validation["total"], validation["current"]):
        counts.update(dict.fromkeys(counts, 0))


def steer(trainer: pl.Trainer, position: Position) -> None:
    """What `loops_at` cannot say in a checkpoint; called when Lightning has read that and before the first batch.

    A loop that restarts from no place known to Lightning adds one to the loggers' step, takes the validation of the
    last batch for done and goes on with the next batch. With the validation marked as begun it validates first, from
    the beginning, and adds another one.
    """
    loop = trainer.fit_loop.epoch_loop
    loop.restarting = True
    loop._restart_stage = TrainingRestart.NONE
    loop.val_loop._restart_stage = (
        EvaluationRestart.RESTARTED_MID_EVALUATION if position.validate else EvaluationRestart.NONE
    )
    loop._batches_that_stepped = position.step - 1 - position.validate


def rng_state() -> dict[str, Any]:
    """Of python, numpy, torch's CPU and every CUDA device; holds only what `torch.load(weights_only=True)` reads."""
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002  # what others draw from
    return {
        "python": random.getstate(),
        "numpy": (kind, [int(key) for key in keys], *rest),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def set_rng_state(state: dict[str, Any]) -> None:
    """The generators go on from there; those of CUDA devices that are not here are left out."""
    version, keys, gauss = state["python"]
    random.setstate((version, tuple(keys), gauss))
    np.random.set_state(tuple(state["numpy"]))  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    for device, cuda in zip(range(torch.cuda.device_count()), state["cuda"], strict=False):
        torch.cuda.set_rng_state(cuda, device)
