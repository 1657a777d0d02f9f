"""What a run's folder may name: a config from a stranger must not be able to execute code.

A prefix alone would not do: `torch.os.system` begins with "torch", and `torch.hub.load` runs what it downloads. So the
name must lead, through modules of allowed packages only, to something that is defined there and is of a kind that a run
is built from.
"""

import importlib
import inspect
from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
import torchmetrics
from lightning.pytorch.loggers import Logger
from lightning.pytorch.profilers import Profiler
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from seqmodels.cores.base import Core

PACKAGES = ("seqmodels", "torch", "torchmetrics", "lightning")

KINDS = (
    Core,
    pl.LightningModule,
    pl.LightningDataModule,
    pl.Callback,
    pl.Trainer,
    Logger,
    Profiler,
    Optimizer,
    LRScheduler,
    torchmetrics.Metric,
)

FUNCTIONS = ("seqmodels.modules.schedules", "seqmodels.callbacks.progress", "seqmodels.callbacks.figures.animation")
"""Where plain functions may be named too."""


def check_targets(config: Any, trust: Sequence[str], origin: str) -> None:
    """Look at every `_target_` of a config, at any depth, before any of them is imported.

    Args:
        config: plain values, interpolations resolved.
        trust: further packages whose names are all accepted.
        origin: where the config comes from, for the message.

    Raises:
        ValueError: names the key, its target and the remedy.
    """
    for path, target in _targets(config, ""):
        if not (isinstance(target, str) and (_within(target, trust) or _is_allowed(target))):
            raise ValueError(
                f"{origin} asks for {path}._target_={target!r}, which is not a part of a run from "
                f"{', '.join(PACKAGES)}, so nothing was executed; if you know the package and want it, "
                f"add trust=[{str(target).partition('.')[0]}]"
            )


def _targets(node: Any, path: str) -> list[tuple[str, Any]]:
    if isinstance(node, list):
        return [found for i, child in enumerate(node) for found in _targets(child, f"{path}[{i}]")]
    if not isinstance(node, dict):
        return []
    own = [(path, node["_target_"])] if "_target_" in node else []
    return own + [
        found for key, child in node.items() for found in _targets(child, f"{path}.{key}" if path else str(key))
    ]


def _within(name: str, packages: Sequence[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _is_allowed(target: str) -> bool:
    module, _, name = target.rpartition(".")
    if not _within(module, PACKAGES):
        return False
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError):
        return False
    home = getattr(found, "__module__", None) or ""
    if inspect.isclass(found):
        return _within(home, PACKAGES) and issubclass(found, KINDS)
    return inspect.isfunction(found) and home in FUNCTIONS
