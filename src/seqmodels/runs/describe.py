"""What is known of a run's objects, as text and numbers: for the console, the loggers and results.json."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn

from seqmodels.config.flat import flat
from seqmodels.cores.base import Core
from seqmodels.runs.breakdown import breakdown
from seqmodels.runs.ending import ended_early
from seqmodels.runs.provenance import git_revision, versions
from seqmodels.runs.results import Results
from seqmodels.runs.weights import counted, reached


def device_of(trainer: Any) -> str:
    """What computes: "cpu, 2 threads", "NVIDIA H200", "2 processes on cpu, 1 thread"."""
    device = trainer.strategy.root_device
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        threads = torch.get_num_threads()
        name = f"{device.type}, {threads} thread{'s' * (threads > 1)}"
    return name if trainer.world_size == 1 else f"{trainer.world_size} processes on {name}"


def trainable_parameters(module: nn.Module) -> int:
    """How many numbers are trained."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def state_bytes(module: Any) -> int | None:
    """What the state of one stream takes; None of what has no core."""
    core = getattr(module, "core", None)
    if not isinstance(core, Core):
        return None
    weight = next(core.parameters(), torch.zeros(()))
    with torch.no_grad():
        state = core.initial_state(1, weight.device, weight.dtype)
    return sum(tensor.numel() * tensor.element_size() for tensor in state)


def hyperparameters(cfg: DictConfig, datamodule: Any) -> dict[str, Any]:
    """The config's choices as a flat table for TensorBoard: `core: LSTM`, `core.hidden_size: 64`, ..."""
    root: Any = OmegaConf.to_container(cfg, resolve=True)
    sections = {name: root[name] for name in ("datamodule", "module", "core", "optimizer", "scheduler")}
    table: dict[str, Any] = {"data": datamodule.name, "seed": cfg.seed}
    for key, value in flat(sections).items():
        section, _, name = key.rpartition(".")
        if name == "_target_":
            table[section] = value.rpartition(".")[2]
        elif "._" not in key and value != {}:
            table[key] = value if isinstance(value, bool | int | float | str) else str(value)
    return table


def results(
    cfg: DictConfig,
    parts: Any,
    status: str,
    metrics: dict[str, float],
    overrides: Sequence[str],
    seconds: float,
    error: str | None = None,
) -> Results:
    """What results.json is to hold; `parts` is None when the run failed before it was built."""
    ended = Results(
        status=status,
        error=error,
        name=cfg.name,
        metrics=metrics,
        monitor=cfg.monitor,
        mode=cfg.mode,
        overrides=list(overrides),
        seed=cfg.seed,
        steps=0,
        seconds=round(seconds, 3),
        versions=versions(),
        git=git_revision(),
    )
    if parts is None:
        return ended
    validations = reached(parts.trainer)
    return replace(
        ended,
        ended_early=ended_early(cfg, parts.trainer) if status == "completed" else None,
        weights=counted(cfg, parts.trainer) if validations or metrics else None,
        best=validations.get("best"),
        last=validations.get("last"),
        datamodule=parts.datamodule.name,
        parameters=trainable_parameters(parts.module),
        state_bytes=state_bytes(parts.module),
        steps=parts.trainer.global_step,
        device=device_of(parts.trainer),
        facts=parts.datamodule.facts() | breakdown(parts.module, parts.datamodule),
    )
