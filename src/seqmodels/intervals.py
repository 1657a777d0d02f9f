"""When a training validates, and that it ends."""

from typing import Any

from omegaconf import DictConfig


def intervals(trainer: DictConfig, datamodule: Any) -> dict[str, Any]:
    """When to validate: at least once an epoch. A stream has no epochs: there, fractions are of the whole training."""
    interval = trainer.val_check_interval
    if not datamodule.endless:
        if isinstance(interval, int) and trainer.check_val_every_n_epoch is not None:
            batches = datamodule.overfit_batches or len(datamodule.train_dataloader())
            if isinstance(trainer.limit_train_batches, int):
                batches = min(batches, trainer.limit_train_batches)
            interval = min(interval, batches)  # else Lightning refuses a short epoch
        return {"val_check_interval": interval}
    if trainer.max_steps == -1 and trainer.max_time is None:
        raise ValueError("this data is an endless stream and nothing ends the training; set trainer.max_steps")
    if isinstance(interval, float):
        interval = max(1, int(interval * trainer.max_steps)) if trainer.max_steps > 0 else 1000
    return {"val_check_interval": interval, "check_val_every_n_epoch": None, "max_epochs": -1}
