"""Metrics for MLflow, in one MLflow run however often the run is resumed: python -m seqmodels.train logger=mlflow

What a lost attempt logged after its last checkpoint stays there, and the resumed one logs the same values again. Values
are sent in the background; what a killed process had not sent yet is in metrics.csv alone.
"""

import os
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock
from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import MLFlowLogger
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from seqmodels.exceptions import first_line
from seqmodels.loggers.external_run_id import external_run_id
from seqmodels.loggers.without_epoch import WithoutEpoch
from seqmodels.system.process import is_first_process

SQLITE = "sqlite:///"


class MLflow(WithoutEpoch, MLFlowLogger):
    """Lightning's logger, with the run's hyperparameters, for many jobs at once in one local database."""

    def __init__(self, folder: str | os.PathLike, experiment_name: str, tracking_uri: str | None = None) -> None:
        """
        Args:
            folder: of the run.
            experiment_name: under which MLflow shows the run.
            tracking_uri: the server or database; None for $MLFLOW_TRACKING_URI, else outputs/mlflow.db.

        Raises:
            ValueError: mlflow is not installed, or cannot open the database.
        """
        folder = Path(folder)
        uri = (
            tracking_uri
            or os.environ.get("MLFLOW_TRACKING_URI")
            or f"{SQLITE}{Path('outputs', 'mlflow.db').absolute()}"
        )
        try:
            with _alone(uri):
                super().__init__(
                    experiment_name=experiment_name,
                    run_name=str(Path(folder.parent.name, folder.name)),
                    tracking_uri=uri,
                    synchronous=False,  # else a step that logs waits 25 ms for the disk, or for the server
                )
        except ModuleNotFoundError:
            raise ValueError('logger=mlflow needs mlflow: pip install -e ".[mlflow]"') from None
        self._folder = folder

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The client, once the run is there.

        Raises:
            ValueError: the store does not take the run, or does not know it any more.
        """
        if self._initialized:
            return self._mlflow_client
        from mlflow.exceptions import MlflowException

        try:
            with _alone(self._tracking_uri):
                self._run_id = external_run_id(self._folder, "mlflow", self._begin)
            client = super().experiment
            client.update_run(self._run_id, status="RUNNING")
        except MlflowException as error:
            raise ValueError(
                f"logger=mlflow: {first_line(error)} ({self._tracking_uri}); choose another store with "
                f"logger.mlflow.tracking_uri=..., or remove {self._folder}/.hydra/mlflow to log into a new MLflow run"
            ) from error
        return client

    def _begin(self) -> str:
        """A new MLflow run, and the experiment around it if it is the first."""
        from mlflow.tracking.context.registry import resolve_tags

        client, name = self._mlflow_client, self._experiment_name
        found = client.get_experiment_by_name(name)
        experiment = found.experiment_id if found else client.create_experiment(name)
        return client.create_run(experiment, run_name=self._run_name, tags=resolve_tags()).info.run_id

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, metrics: Mapping[str, float] | None = None) -> None:
        """MLflow never changes a parameter: what the run was begun with stays."""
        known = self.experiment.get_run(self.run_id).data.params
        given = vars(params) if isinstance(params, Namespace) else params
        super().log_hyperparams({name: value for name, value in given.items() if name not in known})


@contextmanager
def _alone(uri: str) -> Iterator[None]:
    """One process at a time makes the tables and experiments of a local database; MLflow would fail in the others."""
    if not (uri.startswith(SQLITE) and is_first_process()):
        yield
        return
    database = Path(uri.removeprefix(SQLITE))
    database.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(database.with_name(f".{database.name}.lock")):
        yield
