"""Ranges of what a config gives to classes of libraries: these check late, without the key, or not at all."""

import inspect
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from seqmodels.config.ranges import MOST_PROCESSES, above, amount, at_least, between, limit, one_of, size

Check = Callable[..., None]

COUNT = partial(at_least, 1)
FROM_ZERO = partial(at_least, 0)
NOT_NEGATIVE = partial(at_least, 0.0)

STRATEGIES = ("auto", "ddp", "ddp_find_unused_parameters_false", "ddp_find_unused_parameters_true")
"""Others start their processes without our launcher, or divide the weights of a checkpoint among them."""


def _none_of_it(remedy: str) -> Check:
    def check(**values: Any) -> None:
        for name, value in values.items():
            if value:
                raise ValueError(f"{name}={value} {remedy}")

    return check


def _below_one(**values: float) -> None:
    for name, value in values.items():
        if not 0 <= value < 1:
            raise ValueError(f"{name}={value} is out of range; give a number of at least 0 and below 1")


def _decay(**values: float) -> None:
    above(0, **values)
    between(0, 1, **values)


def _betas(**values: Any) -> None:
    for name, pair in values.items():
        if len(pair) != 2 or not all(isinstance(beta, float) and 0 <= beta < 1 for beta in pair):
            floats = "two numbers with a decimal point, of at least 0.0 and below 1"
            raise ValueError(f"{name}={list(pair)} is out of range; give {floats}, such as [0.9, 0.999]")


def _devices(**values: int) -> None:
    for name, value in values.items():
        if value != -1 and not 1 <= value <= MOST_PROCESSES:
            raise ValueError(
                f"{name}={value} is out of range; give an integer from 1 to {MOST_PROCESSES}, or auto for all"
            )


def _time(**values: str) -> None:
    for name, value in values.items():
        if not re.fullmatch(r"\d{1,6}(:\d\d){3}", value):
            raise ValueError(f"{name}={value} is no time; give DD:HH:MM:SS, as 00:01:30:00 for an hour and a half")


def _steps_or_time(**values: float | str) -> None:
    for name, value in values.items():
        if isinstance(value, str):
            _time(**{name: value})
        else:
            amount(1, **{name: value})


def _count_or_auto(**values: float | str) -> None:
    for name, value in values.items():
        if isinstance(value, str) and value != "auto":
            raise ValueError(f"{name}={value} is not known; give an integer of at least 1, or auto")
        if not isinstance(value, str):
            at_least(1, **{name: value})


TRAINER: dict[str, Check] = {
    "accelerator": partial(one_of, ("auto", "cpu", "gpu", "cuda", "mps")),
    "devices": _devices,
    "num_nodes": partial(size, MOST_PROCESSES),
    "strategy": partial(one_of, STRATEGIES),
    "max_epochs": limit,
    "max_steps": limit,
    "max_time": _time,
    "min_epochs": COUNT,
    "min_steps": COUNT,
    "val_check_interval": _steps_or_time,
    "check_val_every_n_epoch": COUNT,
    "limit_train_batches": partial(amount, 1),
    "limit_val_batches": partial(amount, 0),
    "limit_test_batches": partial(amount, 0),
    "limit_predict_batches": partial(amount, 0),
    "num_sanity_val_steps": partial(at_least, -1),
    "log_every_n_steps": FROM_ZERO,
    "accumulate_grad_batches": COUNT,
    "gradient_clip_val": NOT_NEGATIVE,
    "overfit_batches": _none_of_it("trains on other batches in each epoch; give +debug=overfit instead"),
    "fast_dev_run": _none_of_it("writes no results; give +debug=fast instead"),
}

RANGES: dict[str, dict[str, Check]] = {
    "lightning.pytorch.trainer.trainer.Trainer": TRAINER,
    "lightning.pytorch.callbacks.early_stopping.EarlyStopping": {
        "patience": COUNT,
        "min_delta": NOT_NEGATIVE,
        "mode": partial(one_of, ("min", "max")),
    },
    "torch.optim.optimizer.Optimizer": {
        **dict.fromkeys(("lr", "eps", "weight_decay"), NOT_NEGATIVE),
        **dict.fromkeys(("momentum", "dampening", "alpha"), _below_one),
        "betas": _betas,
    },
    "torch.optim.lr_scheduler.LRScheduler": {"step_size": COUNT, "gamma": _decay},
    "optuna.samplers._base.BaseSampler": {"n_startup_trials": FROM_ZERO},
    "optuna.pruners._base.BasePruner": {
        **dict.fromkeys(("n_startup_trials", "n_warmup_steps", "min_early_stopping_rate"), FROM_ZERO),
        **dict.fromkeys(("interval_steps", "n_min_trials"), COUNT),
        **dict.fromkeys(("min_resource", "max_resource"), _count_or_auto),
        "reduction_factor": partial(at_least, 2),
    },
}
"""By the full name of a class; they count for what is derived of it too."""

_KINDS: dict[str, Any] = {
    **dict.fromkeys(("accelerator", "strategy", "max_time", "mode"), str),
    **dict.fromkeys(("val_check_interval", "min_resource", "max_resource"), int | float | str),
    "betas": list,
}
"""Of values that are looked at where these are no numbers; what else an argument takes, its class checks."""


def check_range(target: Any, name: str, key: str, value: Any) -> None:
    """
    Args:
        target: what a config names.
        name: of its argument.
        key: the same in the config, in full.
        value: of the right type.

    Raises:
        ValueError: it is out of the argument's range.
    """
    for cls in inspect.getmro(target) if inspect.isclass(target) else ():
        check = RANGES.get(f"{cls.__module__}.{cls.__qualname__}", {}).get(name)
        if check is not None and isinstance(value, _KINDS.get(name, int | float)):
            check(**{key: value})
