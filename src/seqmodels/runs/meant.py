"""Settings that would run, and that nobody means; a run that was begun with them goes on."""

from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import EarlyStopping

from seqmodels.datamodules.samples import SampleData


def check_meant(datamodule: Any, module: Any, trainer: pl.Trainer) -> None:
    """Look at the parts of a run before its first step, together.

    Raises:
        ValueError: names the key whose value leaves nothing to learn from, or nothing to stop by.
    """
    if isinstance(datamodule, SampleData):
        _check_batches(datamodule)
    _check_steps(datamodule, module)
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, EarlyStopping):
            _check_stopping(callback, datamodule, module, trainer)


def _check_batches(data: SampleData) -> None:
    samples = len(data.splits["train"])
    if data.batch_size > samples:
        raise ValueError(
            f"datamodule.batch_size={data.batch_size} is more than the {samples} training samples of {data.name}; "
            f"give at most {samples}"
        )


def _check_steps(datamodule: Any, module: Any) -> None:
    longest, window = datamodule.longest, getattr(datamodule, "window", None)
    tbptt = getattr(module, "tbptt", None)
    if tbptt is None or not tbptt.burn_in:
        return
    reach = [steps for steps in (longest, None if tbptt.carry else window) if steps is not None]
    if reach and tbptt.burn_in >= min(reach):
        raise ValueError(
            f"module.burn_in={tbptt.burn_in} leaves nothing to learn from: a training stream begins anew after "
            f"{min(reach)} steps at most; give less than that"
        )


def _check_stopping(callback: EarlyStopping, datamodule: Any, module: Any, trainer: pl.Trainer) -> None:
    monitor, known = callback.monitor, getattr(module, "metric_names", None)
    if monitor.startswith("train/") and not callback._check_on_train_epoch_end:
        raise ValueError(
            f"callbacks.early_stopping.monitor={monitor} is not there at every validation, when early stopping looks; "
            f"give callbacks.early_stopping.monitor=val/loss callbacks.early_stopping.mode=min"
        )
    if known is not None and monitor.startswith("val/") and monitor not in known:
        there = ", ".join(sorted(name for name in known if name.startswith("val/")))
        raise ValueError(
            f"callbacks.early_stopping.monitor={monitor} is not measured by {type(module).__name__}; choose {there}"
        )
    if not monitor.startswith("val/"):
        return
    if trainer.limit_val_batches == 0:
        raise ValueError(
            f"trainer.limit_val_batches=0 leaves early stopping without {monitor}; give trainer.limit_val_batches=1.0"
        )
    if not datamodule.val_dataloader():
        raise ValueError(
            f"callbacks.early_stopping watches {monitor}, but {datamodule.name} has no validation part; give it one "
            f"(datamodule.val_size, val_fraction, val_files or val_windows), or take early_stopping out of callbacks"
        )
