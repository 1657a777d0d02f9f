"""Of which weights a run's numbers are: one rule for the console, results.json, loggers, sweeps, searches and reports.

A run counts with the weights that it tests: the best ones by `monitor`, or with test=last the last. So its val/* and
its test/* are always of the same weights.
"""

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
from omegaconf import DictConfig, OmegaConf

from seqmodels.checkpoints.callbacks import BestCheckpoint
from seqmodels.runs.results import Reached, Results


def reached(trainer: pl.Trainer) -> dict[str, Reached]:
    """The "best" and the "last" validation of a training, as far as there are any."""
    callbacks: list[pl.Callback] = trainer.callbacks  # type: ignore[attr-defined]
    noted = next((one.reached for one in callbacks if isinstance(one, BestCheckpoint)), {})
    return {name: Reached(**found) for name, found in noted.items()}


def counted(cfg: DictConfig, trainer: pl.Trainer) -> str:
    """The weights that the run tests, or would: best or last."""
    of_trial = OmegaConf.select(cfg, "callbacks.pruning.weights")  # which is never tested
    return "last" if "last" in (cfg.test, of_trial) or "best" not in reached(trainer) else "best"


def of_weights(cfg: DictConfig, module: pl.LightningModule, metrics: Mapping[str, Any]) -> dict[str, float]:
    """Of these metrics those that count; what is of a single training batch is not of any weights."""
    of_batches = {f"train/{name}" for name in getattr(module, "batch_measures", ())} - {cfg.monitor}
    return {name: float(value) for name, value in metrics.items() if name not in of_batches}


def measured(cfg: DictConfig, trainer: pl.Trainer) -> dict[str, float]:
    """Every metric of these weights, "test/acc" and so on."""
    found = of_weights(cfg, trainer.lightning_module, trainer.callback_metrics)
    if counted(cfg, trainer) == "best":
        found |= reached(trainer)["best"].metrics
    return found


def told(results: Results) -> str | None:
    """One line: of which weights the metrics are, and what the others reached; None where no training measured any."""
    monitor, best, last = results.monitor, results.best, results.last
    if results.weights is None or last is None or monitor is None:
        return None
    if results.weights == "last":
        line = f"the last, of step {results.steps:g}"
        if last.step is not None and last.step != results.steps:
            line += f", validated at step {last.step}"
        return line + _aside("best", monitor, best, last)
    step = "" if best is None or best.step is None else f", of step {best.step} of {results.steps:g}"
    return f"the best by {monitor}{step}" + _aside("last", monitor, last, best)


def _aside(name: str, monitor: str, other: Any, own: Any) -> str:
    if other is None or other == own or monitor not in other.metrics:
        return ""
    step = "" if other.step is None else f" at step {other.step}"
    return f" ({name}: {monitor} {other.metrics[monitor]:.6g}{step})"
