"""What ended a training before it reached `max_steps` or `max_epochs`: the clock, or early stopping."""

from typing import Any

from lightning.pytorch.callbacks import EarlyStopping, Timer
from lightning.pytorch.callbacks.early_stopping import EarlyStoppingReason
from omegaconf import DictConfig


def ended_early(cfg: DictConfig, trainer: Any) -> str | None:
    """Why, and where: "trainer.max_time=00:08:00:00 at step 832 of 200,000"; None if it reached its end.

    Args:
        cfg: of the run.
        trainer: whose fit is over.
    """
    step, steps, epochs = trainer.global_step, trainer.max_steps, trainer.max_epochs
    if -1 < steps <= step or (epochs is not None and -1 < epochs <= trainer.current_epoch):
        return None
    end = f" of {steps:,}" if steps > -1 else f", in epoch {trainer.current_epoch} of {epochs:,}" if epochs else ""
    return f"{_reason(cfg, trainer.callbacks)} at step {step:,}{end}"


def _reason(cfg: DictConfig, callbacks: Any) -> str:
    for callback in callbacks:
        if isinstance(callback, EarlyStopping) and callback.stopping_reason != EarlyStoppingReason.NOT_STOPPED:
            said = (callback.stopping_reason_message or "").removesuffix(" Signaling Trainer to stop.")
            return f"early stopping ({said.rstrip('.')})"
        remaining = callback.time_remaining() if isinstance(callback, Timer) else None
        if remaining is not None and remaining <= 0:
            return f"trainer.max_time={cfg.trainer.max_time}" if cfg.trainer.max_time else "a Timer"
    return "a callback"
