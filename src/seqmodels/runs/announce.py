"""What a run says of itself: the block at its start, and the table at its end."""

import logging
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from seqmodels.modules.parameter_groups import timescale_parameters
from seqmodels.runs.comparison import beaten_by, compared, is_same, part_lines, series_line, spelled
from seqmodels.runs.describe import device_of, trainable_parameters
from seqmodels.runs.results import Results
from seqmodels.runs.weights import told
from seqmodels.system.files import short

log = logging.getLogger(__name__)


def log_start(cfg: DictConfig, parts: Any, folder: Path, begin: str | None) -> None:
    """One block: what is trained on what, and where it begins when that is not at random weights."""
    module, core = parts.module, parts.module.core
    model = f"{type(core).__name__} of {core.output_size}, {type(module).__name__}"
    log.info("%s", cfg.name)
    log.info("  data    %s", parts.datamodule.summary())
    log.info("  model   %s, %s parameters", model, f"{trainable_parameters(module):,}")
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
    if weights := told(results):
        log.info("  %s  %s", "weights".ljust(width), weights)
    if results.ended_early:
        log.info("  %s  by %s", "ended".ljust(width), results.ended_early)
    log.info("  %s  %s", "folder".ljust(width), short(folder))
    for line in (compared(results), series_line(results), *part_lines(results)):
        if line:
            log.info("  %s", line)
    for target, reason in results.facts.get("mase_missing", {}).items():
        log.warning("  %s has no mase: %s", target, reason)
    if beaten := beaten_by(results):
        name, measure, theirs, ours = beaten
        verdict = "as good as" if is_same(ours, theirs) else "better than"
        better = "the baseline %r is %s the model: test/%s %.4g against %.4g"
        log.warning(better, spelled(name), verdict, measure, theirs, ours)
    _notice(datamodule)


def _notice(datamodule: Any) -> None:
    if datamodule.notice:
        log.warning("%s\n%s\n%s", "!" * 80, datamodule.notice, "!" * 80)
