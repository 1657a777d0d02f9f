"""Every number that stands in conf/, with values that nobody means: refused by its key, or taken for a reason.

A value goes as far as what it is given to can be made of it: types and ranges, the data source, the core, the module,
the optimizer and its schedule, the trainer and its callbacks. Nothing is trained.
"""

import inspect
import math
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf

from seqmodels.config.schema import check_config, check_node, parameters
from seqmodels.runs.build import build_datamodule, build_module, build_trainer
from seqmodels.runs.run import compose
from tests.conftest import options

VALUES = (math.nan, math.inf, -1, 0, 10**9)

ZERO = {
    "none of it": (
        "core.layer.rotary_fraction",
        *("core.dropout", "module.dropout", "module.label_smoothing", "module.burn_in", "datamodule.val_size"),
        *("datamodule.test_size", "datamodule.val_windows", "datamodule.test_windows", "datamodule.val_fraction"),
        *(
            "datamodule.test_fraction",
            "datamodule.warmup",
            "datamodule.skip_rows",
            "datamodule.unit_rows",
            "datamodule.shift",
            "datamodule.noise_std",
        ),
        *("datamodule.random_window", "datamodule.num_workers", "datamodule.overfit_batches", "optimizer.weight_decay"),
        *("optimizer.momentum", "optimizer.eps", "trainer.limit_val_batches", "trainer.limit_test_batches"),
        *("trainer.num_sanity_val_steps", "trainer.log_every_n_steps", "trainer.gradient_clip_val"),
        *("callbacks.scatter.points", "callbacks.animation.windows", "callbacks.early_stopping.min_delta"),
        *("scheduler.patience", "scheduler.min_delta"),
    ),
    "an untrained part, to compare with": ("optimizer.lr", "module.timescale_lr"),
    "a bias, a rate or an angle of nothing": (
        *("core.forget_bias", "core.layer.forget_bias", "scheduler.final", "scheduler.warmup", "core.layer.min_radius"),
        *("datamodule.frequency", "datamodule.phase", "datamodule.target_shift", "core.layer.min_forget_bias"),
    ),
    "one of many seeds": ("seed", "datamodule.split_seed", "datamodule.permutation_seed"),
}
NEGATIVE = {
    "a bias may pull either way": ("core.forget_bias", "core.layer.forget_bias", "core.layer.min_forget_bias"),
    "an angle": ("datamodule.frequency", "datamodule.phase", "datamodule.target_shift"),
    "no limit": ("trainer.max_steps", "trainer.max_epochs", "trainer.num_sanity_val_steps"),
}
HUGE = {
    "as much as there is": (
        *("trainer.limit_train_batches", "trainer.limit_val_batches", "trainer.limit_test_batches"),
        *("trainer.num_sanity_val_steps", "datamodule.overfit_batches", "module.backprop_windows"),
        *("callbacks.classification.samples", "callbacks.classification.mistakes", "callbacks.scatter.points"),
        *("callbacks.labelling.samples", "callbacks.stream.windows", "callbacks.animation.windows"),
        "callbacks.animation.visible",
    ),
    "never": (
        *("trainer.max_steps", "trainer.max_epochs", "trainer.val_check_interval", "trainer.check_val_every_n_epoch"),
        *("trainer.log_every_n_steps", "trainer.accumulate_grad_batches", "trainer.gradient_clip_val"),
        *("checkpoint.every_n_steps", "checkpoint.every_n_minutes", "callbacks.diagnostics.every"),
        *("callbacks.early_stopping.patience", "callbacks.early_stopping.min_delta"),
        *("callbacks.last.every_n_steps", "callbacks.last.every_n_minutes", "core.layer.max_steps"),
        *("scheduler.patience", "scheduler.min_delta", "scheduler.step_size", "scheduler.steps"),
    ),
    "samples or windows that take no memory": (
        *("datamodule.train_size", "datamodule.val_size", "datamodule.test_size"),
        *("datamodule.val_windows", "datamodule.test_windows"),
    ),
    "as the data is, which is looked at later": (
        *("datamodule.horizon", "datamodule.warmup", "datamodule.season", "datamodule.time_step", "module.burn_in"),
        *("datamodule.skip_rows", "datamodule.unit_rows"),
    ),
    "a unit of its own": (
        *("datamodule.span", "datamodule.dt", "datamodule.noise_std", "datamodule.frequency", "datamodule.phase"),
        *("datamodule.target_shift", "core.forget_bias", "core.layer.forget_bias", "core.layer.base"),
        "core.layer.max_forget_bias",
        *("core.layer.dt_max", "optimizer.lr", "optimizer.eps", "optimizer.weight_decay", "module.timescale_lr"),
    ),
    "one of many seeds": ("seed", "datamodule.split_seed", "datamodule.permutation_seed"),
    "frames faster than an eye": ("callbacks.animation.frames_per_second",),
}
TAKEN = {-1: NEGATIVE, 0: ZERO, 10**9: HUGE}

SINE = ["datamodule=sine", "module=regressor", "trainer.max_steps=3"]
ALL_CALLBACKS = ["callbacks=[default,diagnostics,early_stopping,animation]", "callbacks.animation.windows=1"]
PARTS: list[tuple[str, list[str]]] = [
    ("", SINE),
    ("trainer", SINE),
    ("callbacks", [*SINE, *ALL_CALLBACKS]),
    ("module", SINE),
    ("module", ["datamodule=digits"]),
    ("datamodule", SINE),
    ("datamodule", ["datamodule=sine", "datamodule.dt=0.1", "datamodule.span=null"]),
    ("datamodule", ["datamodule=sine", "datamodule.horizon=1", "datamodule.target_shift=null"]),
    ("datamodule", ["datamodule=digits"]),
    ("datamodule", ["datamodule=adding"]),
    ("datamodule", ["datamodule=copy"]),
    ("datamodule", ["datamodule=co2"]),
    ("datamodule", ["datamodule=recall"]),
    ("datamodule", ["datamodule=formal_language", "datamodule.language=words_s3"]),
    ("datamodule", ["datamodule=labelled_series", "datamodule.files=[a.csv]"]),
    *(("core", ["datamodule=digits", f"core={name}", "core.hidden_size=8"]) for name in options("core")),
    *(("optimizer", ["datamodule=digits", f"optimizer={name}"]) for name in options("optimizer")),
    *(("scheduler", ["datamodule=digits", f"scheduler={name}"]) for name in options("scheduler") if name != "none"),
]
"""Every section of a config that has numbers, of every kind, and what leads to it; the root has no name."""

NAMES = ("files", "inputs", "targets", "id", "label", "time", "group", "tags", "missing_values")
"""They take a number for a text: a column's for its name."""

EITHER = ("datamodule.span", "datamodule.dt", "datamodule.target_shift", "datamodule.horizon")
"""Of two one is null, and a value would contradict the other."""


@cache
def config(overrides: tuple[str, ...]) -> DictConfig:
    return compose([*overrides, "logger=none", "trainer.accelerator=cpu", "threads=1"])


def is_number(hint: Any) -> bool:
    return hint in (int, float) or (get_origin(hint) is not Literal and any(map(is_number, get_args(hint))))


def numbers(cfg: DictConfig, section: str) -> list[str]:
    """The keys of a section that take a number, or a list of them."""
    if not section:
        return ["seed", "threads", "checkpoint.every_n_steps", "checkpoint.every_n_minutes"]
    found, waiting = [], [(section, OmegaConf.to_container(cfg[section], resolve=True))]
    while waiting:
        path, node = waiting.pop()
        assert isinstance(node, dict)
        hints = parameters(get_object(node["_target_"])) if "_target_" in node else {}
        waiting += [(f"{path}.{key}", value) for key, value in node.items() if isinstance(value, dict)]
        found += [f"{path}.{key}" for key in node if key in hints and _takes_number(hints[key], node[key])]
    named = {key for key in found if key.rpartition(".")[2].removeprefix("val_").removeprefix("test_") in NAMES}
    named |= {key for key in EITHER if OmegaConf.select(cfg, key) is None}
    return [key for key in found if key not in named]


def _takes_number(hint: Any, value: Any) -> bool:
    return is_number(hint) or (isinstance(value, int | float) and not isinstance(value, bool))


def make(cfg: DictConfig, section: str, folder: Path) -> None:
    """Whatever the section's numbers are given to."""
    if not section:
        check_config(cfg)
        return
    check_node(OmegaConf.to_container(cfg, resolve=True)[section], section)  # type: ignore[call-overload,index]
    if section == "datamodule":
        build_datamodule(cfg)
    elif section in ("trainer", "callbacks"):
        build_trainer(cfg, folder)
    else:
        module = build_module(cfg, build_datamodule(cfg))
        optimizer = module._make_optimizer(list(module.parameters()))
        if module._make_scheduler is not None:
            total = {"total_steps": 10} if "total_steps" in inspect.signature(module._make_scheduler).parameters else {}
            module._make_scheduler(optimizer, **total)


CASES = [(section, tuple(one), key) for section, one in PARTS for key in numbers(config(tuple(one)), section)]


@pytest.mark.parametrize(("section", "overrides", "key"), CASES, ids=lambda one: one if isinstance(one, str) else "")
def test_a_number_is_meant_or_refused_by_its_key(
    section: str, overrides: tuple[str, ...], key: str, tmp_path: Path
) -> None:
    cfg = config(overrides).copy()
    before = OmegaConf.select(cfg, key)
    wrong = []
    for value in VALUES:
        OmegaConf.update(cfg, key, [value] * len(before) if OmegaConf.is_list(before) else value)
        meant = any(key in keys for keys in TAKEN.get(value, {}).values())
        try:
            make(cfg, section, tmp_path)
            message = None
        except ValueError as error:
            message = str(error)
        if (message is None) != meant or (message is not None and f"{key}=" not in message):
            wrong.append(f"{key}={value}: {message or 'taken'}")
    assert not wrong, "\n".join(wrong)


def test_every_exception_is_of_a_key() -> None:
    keys = {key for _, _, key in CASES}
    assert {key for reasons in TAKEN.values() for some in reasons.values() for key in some} <= keys
