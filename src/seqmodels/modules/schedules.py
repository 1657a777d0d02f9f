"""Learning-rate schedules over a whole training, whose peak is the optimiser's own rate."""

from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, OneCycleLR


def cosine(optimizer: Optimizer, total_steps: int, final: float = 0.0) -> LRScheduler:
    """From the optimiser's rate down a half cosine to `final`, an absolute rate (Loshchilov & Hutter 2017)."""
    return CosineAnnealingLR(optimizer, T_max=total_steps, eta_min=final)


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
    """
    return OneCycleLR(
        optimizer,
        max_lr=[group["lr"] for group in optimizer.param_groups],
        total_steps=total_steps,
        pct_start=warmup,
        div_factor=1 / start,
        final_div_factor=start / final,
        cycle_momentum=any("betas" in group or group.get("momentum") for group in optimizer.param_groups),
    )
