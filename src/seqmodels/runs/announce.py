"""What a run says of itself: the block at its start, the table at its end, and the same for files."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn

from seqmodels.config.flat import flat
from seqmodels.modules.parameter_groups import timescale_parameters
from seqmodels.runs.provenance import git_revision, versions
from seqmodels.runs.results import Results
from seqmodels.system.files import short

log = logging.getLogger(__name__)

MEASURES = ("mase", "loss")
"""By which a model is held against the baselines of its data: the first that both have; lower is better."""


def log_start(cfg: DictConfig, parts: Any, folder: Path, begin: str | None) -> None:
    """One block: what is trained on what, and where it begins when that is not at random weights."""
    module, core = parts.module, parts.module.core
    model = f"{type(core).__name__} of {core.output_size}, {type(module).__name__}"
    log.info("%s", cfg.name)
    log.info("  data    %s", parts.datamodule.summary())
    log.info("  model   %s, %s parameters", model, f"{trained_numbers(module):,}")
    if special := timescale_parameters(module):
        kinds = ", ".join(dict.fromkeys(name for part in core.modules() for name in _timescales(part)))
        count = sum(parameter.numel() for parameter in special.values())
        rate = f"at {module.timescale_lr:g} of the learning rate and without weight decay"
        log.info("  time scales  %s (%s numbers), %s", kinds, f"{count:,}", rate)
    log.info("  device  %s", device_of(parts.trainer))
    log.info("  folder  %s", short(folder))
    if begin:
        log.info("  from    %s", begin)
    _notice(parts.datamodule)


def _timescales(part: Any) -> tuple[str, ...]:
    return getattr(part, "timescale_parameters", ())


def log_results(datamodule: Any, results: Results, folder: Path) -> None:
    """One table: what was reached, what a baseline without a model reaches, and where it lies.

    Args:
        datamodule: what was read.
        results: of the run, or of a test of it.
        folder: where results.json lies.
    """
    table = results.metrics | {
        f"{name.replace('_', ' ')}: {measure}": value
        for name, measures in results.facts.get("baselines", {}).items()
        for measure, value in measures.items()
    }
    width = max((len(name) for name in table), default=0)
    for name in [*sorted(results.metrics), *(name for name in table if name not in results.metrics)]:
        log.info("  %s  %.6g", name.ljust(width), table[name])
    log.info("  %s  %s", "folder".ljust(width), short(folder))
    _verdict(results)
    _notice(datamodule)


def _verdict(results: Results) -> None:
    for measure in MEASURES:
        reached = results.metrics.get(f"test/{measure}")
        baselines = {name: measures.get(measure) for name, measures in results.facts.get("baselines", {}).items()}
        known = {name: value for name, value in baselines.items() if value is not None}
        if reached is None or not known:
            continue
        best = min(known, key=lambda name: known[name])
        if known[best] <= reached:
            log.warning(
                "the baseline %r is better than the model: test/%s %.4g against %.4g",
                best.replace("_", " "),
                measure,
                known[best],
                reached,
            )
        return


def _notice(datamodule: Any) -> None:
    if datamodule.notice:
        log.warning("%s\n%s\n%s", "!" * 80, datamodule.notice, "!" * 80)


def device_of(trainer: Any) -> str:
    """What computes: "cpu, 2 threads", "NVIDIA H200", "2 processes on cpu, 1 thread"."""
    device = trainer.strategy.root_device
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        threads = torch.get_num_threads()
        name = f"{device.type}, {threads} thread{'s' * (threads > 1)}"
    return name if trainer.world_size == 1 else f"{trainer.world_size} processes on {name}"


def trained_numbers(module: nn.Module) -> int:
    """How many numbers are trained."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


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
    error: str | None,
    metrics: dict[str, float],
    overrides: list[str],
    seconds: float,
) -> Results:
    """What results.json is to hold; `parts` is None when the run failed before it was built."""
    ended = Results(
        status=status,
        error=error,
        name=cfg.name,
        metrics=metrics,
        monitor=cfg.monitor,
        mode=cfg.mode,
        overrides=overrides,
        seed=cfg.seed,
        steps=0,
        seconds=round(seconds, 3),
        versions=versions(),
        git=git_revision(),
    )
    if parts is None:
        return ended
    return replace(
        ended,
        datamodule=parts.datamodule.name,
        parameters=trained_numbers(parts.module),
        steps=parts.trainer.global_step,
        device=device_of(parts.trainer),
        facts=parts.datamodule.facts(),
    )
