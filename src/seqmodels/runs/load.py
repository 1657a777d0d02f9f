"""A trained run, back in Python: `run = load_run("outputs/NAME/DATE_TIME"); y, state = run.module(x)`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor

from seqmodels.checkpoints.io import Saved
from seqmodels.checkpoints.read import chosen, fit_weights
from seqmodels.config.compose import merge
from seqmodels.config.keys import explained
from seqmodels.config.overrides import key_of
from seqmodels.config.schema import check_config
from seqmodels.datamodules.checks import check_source
from seqmodels.runs.build import build_datamodule, build_module
from seqmodels.runs.columns import check_columns, columns_of
from seqmodels.runs.extend import apply_overrides
from seqmodels.runs.record import resumed_overrides, saved_config
from seqmodels.runs.trust import trusted_config


@dataclass(frozen=True)
class LoadedRun:
    """What `load_run` returns.

    Attributes:
        folder: of the run.
        cfg: its config.
        module: with the trained weights, on the CPU, in evaluation mode; in float32, or of a run with
            `trainer.precision=64-true` in float64. It takes and returns physical units:
            `y, state = module(x, state)` with x (B, T, D), without a state for streams that begin.
        datamodule: knows the names of what goes in and out and what was learned from the training data, but has read
            nothing.
        checkpoint: the file the weights come from.
        step: after which optimizer step it was written.
    """

    folder: Path
    cfg: DictConfig
    module: Any
    datamodule: Any
    checkpoint: Path
    step: int | None = None

    @property
    def input_mean(self) -> Tensor:
        """(D,) or () mean of the training data in physical units, which is read where an input is missing."""
        mean = self.datamodule.input_mean
        return self.module.input_mean if mean is None else torch.tensor(mean, dtype=self.module.input_mean.dtype)


def dt_step_of(run: LoadedRun) -> float | None:
    """What a dt of 1 stands for, in the unit of the times, of dates in seconds; None where the core is not told."""
    learned = getattr(run.datamodule, "statistics", None)
    return getattr(learned, "time_step", None)


def load_run(
    folder: str | Path, checkpoint: str | None = None, overrides: Sequence[str] = (), trust: Sequence[str] = ()
) -> LoadedRun:
    """Build a run's module from its folder; nothing in the folder is executed, and no data is read.

    Args:
        folder: of the run.
        checkpoint: "best", "last" or the path of another; None means the best one, or the last of a run without.
        overrides: such as "datamodule.noise_std=0.3", which change the config.
        trust: full names of classes beside the known ones that the run's config may name, "mypackage.MyCore".

    Raises:
        FileNotFoundError: there is no run, or no such checkpoint.
        ValueError: the config or the checkpoint cannot be read, names what is not a part of a run, or does not fit.
    """
    folder = Path(folder).expanduser().absolute()
    cfg = saved_config(folder)
    apply_overrides(cfg, resumed_overrides(folder))
    trained = columns_of(cfg)
    merge(cfg, overrides)
    check_columns(trained, columns_of(cfg))
    cfg = trusted_config(cfg, folder, trust, [key_of(override) for override in overrides])
    check_config(cfg, unused=("callbacks", "logger"))
    saved = chosen(folder, checkpoint or None)
    datamodule = build_datamodule(cfg)
    learned = learned_from_data(datamodule, saved)
    if learned is not None:
        try:
            with explained(cfg, "datamodule"):
                datamodule.load_state_dict(learned)
        except TypeError as error:
            raise ValueError(
                f"{saved.path}: what was learned from the training data is of another version of seqmodels and cannot "
                f"be read ({error}); load the run with the version in its results.json, or train it again"
            ) from error
    check_source(datamodule)
    module = build_module(cfg, datamodule)
    weights = saved.contents["state_dict"]
    if any(weights[name].dtype == torch.float64 for name, _ in module.named_parameters() if name in weights):
        module.double()  # of a run with precision=64-true, which float32 would round
    fit_weights(module, weights, f"the weights in {saved.path}")
    return LoadedRun(folder, cfg, module.eval(), datamodule, saved.path, saved.contents.get("global_step"))


def learned_from_data(datamodule: Any, saved: Saved) -> dict[str, Any] | None:
    """What the datamodule put into the checkpoint, by Lightning's key; None when it has nothing to say."""
    return saved.contents.get(type(datamodule).__qualname__)
