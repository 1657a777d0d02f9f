"""Metrics for Weights & Biases, in one W&B run however often the run is resumed: python -m seqmodels.train logger=wandb

What a lost attempt logged after its last checkpoint stays there, and the resumed one logs the same values again.
"""

import os
import secrets
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from seqmodels.loggers.external_run_id import external_run_id
from seqmodels.loggers.without_epoch import WithoutEpoch

REMEDY = "or keep everything on this machine with logger.wandb.offline=true"


class WandB(WithoutEpoch, WandbLogger):
    """Lightning's logger, with the run's hyperparameters, its own files in the run's folder, and an end."""

    def __init__(
        self,
        folder: str | os.PathLike,
        project: str,
        entity: str | None = None,
        group: str | None = None,
        tags: Sequence[str] = (),
        offline: bool = False,
    ) -> None:
        """
        Args:
            folder: of the run.
            project: under which W&B shows the run.
            entity: the team; None for the user's own.
            group: of runs that belong together; None for the sweep or study of the run, if it is part of one.
            tags: to find the run by.
            offline: write into the folder only; `wandb sync FOLDER/wandb/offline-*` sends it later.

        Raises:
            ValueError: wandb is not installed.
        """
        folder = Path(folder)
        mode = "offline" if offline else None  # None: what WANDB_MODE says
        try:
            super().__init__(
                name=folder.name,
                save_dir=folder,
                project=project,
                entity=entity,
                group=group or _group_of(folder),
                tags=list(tags),
                mode=mode,
                reinit="create_new",  # the jobs of a sweep may share this process
            )
        except ModuleNotFoundError:
            raise ValueError('logger=wandb needs wandb: pip install -e ".[wandb]"') from None
        self._wandb_init.pop("anonymous", None)  # W&B warns of what Lightning still says
        self._folder = folder
        self._finished = False

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The W&B run.

        Raises:
            ValueError: W&B does not take it.
        """
        if self._experiment is not None:
            return self._experiment
        import wandb

        self._id = self._wandb_init["id"] = external_run_id(self._folder, "wandb", lambda: secrets.token_hex(4))
        try:
            return super().experiment
        except wandb.Error as error:
            raise ValueError(f"logger=wandb: {str(error).rstrip('.')}, {REMEDY}") from error

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, metrics: Mapping[str, float] | None = None) -> None:
        """The columns of W&B's table: choices when the run begins, and with its last metrics at the end."""
        super().log_hyperparams(params)
        if metrics:
            self.experiment.summary.update(dict(metrics))
            self._finished = True

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Lightning calls it after the fit and again after the test; the W&B run ends after its last metrics."""
        if self._experiment is None or not (self._finished or status != "success"):
            return
        self._experiment.finish(exit_code=0 if status == "success" else 1)
        self._experiment = None


def _group_of(folder: Path) -> str | None:
    return folder.parent.name if folder.parent.name.startswith(("sweep_", "study_")) else None
