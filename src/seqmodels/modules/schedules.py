"""Learning-rate schedules, whose peak is the optimiser's own rate.

A schedule that takes `total_steps` is told the optimiser steps of the whole training; one that does not goes on for
ever. Any other of torch.optim.lr_scheduler does too: its steps are those of the optimiser.
"""

import inspect
import math
import sys
from collections.abc import Callable
from typing import Any, Literal

import lightning.pytorch as pl
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

from seqmodels.config.ranges import above, at_least, at_most, between, one_of


def cosine(optimizer: Optimizer, total_steps: int, final: float = 0.0) -> LRScheduler:
    """From the optimiser's rate down a half cosine to `final`, an absolute rate (Loshchilov & Hutter 2017).

    A group with a multiple of the optimiser's rate ends at that multiple of `final`.

    Raises:
        ValueError: `final` is negative, or above the optimiser's rate.
    """
    at_least(0.0, final=final)
    at_most(optimizer.defaults["lr"], final=final)
    return _Cosine(optimizer, total_steps, final)


class _Cosine(CosineAnnealingLR):
    """Torch's, with the last rate of each group in proportion to its first one."""

    def __init__(self, optimizer: Optimizer, total_steps: int, final: float) -> None:
        self.final, self.peak = final, optimizer.defaults["lr"]
        super().__init__(optimizer, T_max=total_steps, eta_min=final)

    def get_lr(self) -> list[float | Tensor]:
        rates: list[float | Tensor] = []
        for group, base in enumerate(self.base_lrs):
            self.eta_min = self.final * (base / self.peak) if self.peak else self.final
            rates.append(super().get_lr()[group])
        return rates


def one_cycle(
    optimizer: Optimizer, total_steps: int, warmup: float = 0.3, start: float = 0.04, final: float = 4e-6
) -> LRScheduler:
    """Up to the optimiser's rate and down again (Smith & Topin 2018); beta1 moves the other way.

    Args:
        optimizer: its rates are the peaks.
        total_steps: optimiser steps of the training.
        warmup: fraction of them spent going up.
        start: first rate as a fraction of the peak.
        final: last rate as a fraction of the peak.

    Raises:
        ValueError: a fraction is none, or the way up has no length.
    """
    between(0, 1, warmup=warmup)
    above(0, start=start)
    between(0, 1, start=start, final=final)
    if warmup * total_steps == 1:
        raise ValueError(f"warmup={warmup} of {total_steps} steps is one step, which leads nowhere; give more steps")
    return OneCycleLR(
        optimizer,
        max_lr=[group["lr"] for group in optimizer.param_groups],
        total_steps=total_steps,
        pct_start=float(warmup),
        div_factor=1 / start,
        final_div_factor=start / final if final else math.inf,
        cycle_momentum=any("betas" in group or group.get("momentum") for group in optimizer.param_groups),
    )


def warmup(optimizer: Optimizer, steps: int, start: float = 0.01) -> LRScheduler:
    """Up to the optimiser's rate in a straight line, which then stays (Goyal et al. 2017).

    Args:
        optimizer: its rates are the last ones.
        steps: of the optimiser, spent going up.
        start: first rate as a fraction of the last.

    Raises:
        ValueError: an argument is outside its range.
    """
    at_least(1, steps=steps)
    above(0, start=start)
    between(0, 1, start=start)
    return LinearLR(optimizer, start_factor=start, total_iters=steps)


class Plateau(ReduceLROnPlateau):
    """Lowers the rate when a metric has not improved for some validations."""

    def __init__(
        self,
        optimizer: Optimizer,
        monitor: str,
        mode: Literal["min", "max"],
        factor: float = 0.1,
        patience: int = 10,
        min_delta: float = 0.0,
        final: float = 0.0,
    ) -> None:
        """
        Args:
            optimizer: its rates are the first ones.
            monitor: a metric of the validation, looked at after each.
            mode: min or max, whichever is better.
            factor: by which the rates are multiplied.
            patience: validations without an improvement that are waited for.
            min_delta: what counts as an improvement.
            final: no rate is made lower than this.

        Raises:
            ValueError: an argument is outside its range, or no validation measures `monitor`.
        """
        one_of(("min", "max"), mode=mode)
        at_least(0, patience=patience, min_delta=min_delta, final=final)
        at_most(optimizer.defaults["lr"], final=final)
        above(0, factor=factor)
        between(0, 1, factor=factor)
        if not monitor.startswith("val/"):
            raise ValueError(
                f"monitor={monitor} is not of a validation, after which a plateau is looked for; "
                f"give scheduler.monitor=val/loss scheduler.mode=min"
            )
        super().__init__(optimizer, mode, factor, patience, min_delta, threshold_mode="abs", min_lr=final)
        self.monitor = monitor


def for_lightning(trainer: pl.Trainer, make: Callable[..., LRScheduler], optimizer: Optimizer) -> dict[str, Any]:
    """A schedule, and when Lightning is to take its steps: after each of the optimiser's.

    Raises:
        ValueError: it takes `total_steps` and nobody knows them, or it waits for a metric and nobody says for which.
    """
    told = {}
    if "total_steps" in inspect.signature(make).parameters:
        steps = trainer.estimated_stepping_batches
        if steps == float("inf"):
            raise ValueError("a schedule needs to know when training ends; set trainer.max_steps or trainer.max_epochs")
        told["total_steps"] = int(steps)
    schedule = make(optimizer, **told)
    if not isinstance(schedule, ReduceLROnPlateau):
        return {"scheduler": schedule, "interval": "step"}
    if not isinstance(schedule, Plateau):
        raise ValueError("torch's own ReduceLROnPlateau does not say which metric it looks at; give scheduler=plateau")
    # Never by Lightning, which looks once an epoch or at every batch: `SequenceModule` does after each validation.
    return {"scheduler": schedule, "interval": "epoch", "frequency": sys.maxsize, "monitor": schedule.monitor}


def after_validation(trainer: pl.Trainer, schedule: Any) -> None:
    """A plateau is looked for.

    Raises:
        ValueError: the validation did not measure what it is looked for in.
    """
    if not isinstance(schedule, Plateau) or trainer.sanity_checking:
        return
    if schedule.monitor not in trainer.callback_metrics:
        measured = ", ".join(name for name in trainer.callback_metrics if name.startswith("val/"))
        raise ValueError(f"scheduler.monitor={schedule.monitor} is not measured; a validation measures {measured}")
    schedule.step(trainer.strategy.broadcast(float(trainer.callback_metrics[schedule.monitor])))
