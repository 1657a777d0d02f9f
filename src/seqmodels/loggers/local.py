"""Where metrics go: TensorBoard's event file and metrics.csv, both in the run's folder itself."""

import csv
import os
from argparse import Namespace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.fabric.loggers.tensorboard import TensorBoardLogger as FabricTensorBoardLogger
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from torch import Tensor

from seqmodels.loggers.without_epoch import WithoutEpoch
from seqmodels.system.files import named, whole


@runtime_checkable
class Rewindable(Protocol):
    """A logger that can take back what a lost attempt logged after its last checkpoint."""

    def rewind(self, step: int) -> None: ...


class TensorBoard(WithoutEpoch, TensorBoardLogger):
    """Lightning's logger without version folders, without `hp_metric`, and with nothing but events in its folder."""

    def __init__(self, folder: str | os.PathLike) -> None:
        """
        Args:
            folder: of the run.
        """
        super().__init__(save_dir=str(folder), name="", version="", default_hp_metric=False)

    def rewind(self, step: int) -> None:
        """A resumed run logs `step` next: TensorBoard shall forget what a lost attempt logged there and beyond."""
        self._kwargs["purge_step"] = step

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The writer; Lightning makes a new one for the test, which must not purge what the fit has logged."""
        writer = super().experiment
        self._kwargs.pop("purge_step", None)
        return writer

    @rank_zero_only
    def log_hyperparams(
        self,
        params: dict[str, Any] | Namespace,
        metrics: dict[str, float] | None = None,
        step: int | None = None,
    ) -> None:
        """Fill TensorBoard's HParams page; call it once, after the run, with metrics that were logged before."""
        if not metrics:
            return
        from torch.utils.tensorboard.summary import (
            hparams,  # here, since it takes a second that logger=csv need not wait
        )

        writer = self.experiment._get_file_writer()
        for summary in hparams(dict(vars(params)) if isinstance(params, Namespace) else params, metrics):
            writer.add_summary(summary)

    @rank_zero_only
    def save(self) -> None:
        FabricTensorBoardLogger.save(self)  # Lightning's would add an hparams.yaml beside Hydra's config


class MetricsCSV(Logger):
    """`metrics.csv`: one row a logged step, columns `step`, `epoch`, then metrics in the order of their first coming.

    Every value is in the file as soon as it is logged. Lightning's own CSVLogger deletes a file that is there; this one
    never does.
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        """
        Args:
            folder: of the run.
        """
        super().__init__()
        self.path = Path(folder) / "metrics.csv"
        self._columns = ["step", "epoch"]
        self._row: dict[str, Any] = {}
        self._row_start = 0

    @rank_zero_only
    def rewind(self, step: int) -> None:
        """A resumed run logs `step` next: drop the rows that a lost attempt wrote there and beyond, or half wrote."""
        rows = self._rows()
        if rows and "step" not in rows[0]:
            raise ValueError(f"{self.path} has no column step, so it is not of this run; move it away and try again")
        rows = [row for row in rows if (row["step"] or "").isdecimal() and None not in row.values()]
        rows = [row for row in rows if int(row["step"]) < step]
        if not rows:
            self.path.unlink(missing_ok=True)
            return
        self._columns = list(rows[0])
        self._replace(rows)
        self._row = {**rows[-1], "step": int(rows[-1]["step"])}  # a validation of that step may still come

    @property
    def name(self) -> str:
        return "csv"

    @property
    def version(self) -> str:
        return ""

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """They are in the run's config already."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Values of the same step share a row."""
        same_row = bool(self._row) and self._row["step"] == step
        self._row = (self._row if same_row else {"step": step or 0}) | {
            name: value.item() if isinstance(value, Tensor) else value for name, value in metrics.items()
        }
        new = [name for name in self._row if name not in self._columns]
        if new or not self.path.exists():
            self._columns += new
            rows = self._rows()
            self._replace([*(rows[:-1] if same_row else rows), self._row])
        else:
            self._write(same_row)

    def _write(self, same_row: bool) -> None:
        with named(self.path), self.path.open("r+", newline="") as file:
            if same_row:
                file.seek(self._row_start)
            else:
                self._row_start = file.seek(0, os.SEEK_END)
            csv.DictWriter(file, self._columns).writerow(self._row)
            file.truncate()

    def _rows(self) -> list[dict[str, str]]:
        if not self.path.exists():
            return []
        with self.path.open(newline="") as file:
            return list(csv.DictReader(file))

    def _replace(self, rows: list[dict[str, Any]]) -> None:
        """All rows anew, under the columns of now, in one step: a kill leaves the file of before or this one."""
        with whole(self.path) as unfinished, unfinished.open("w", newline="") as file:
            writer = csv.DictWriter(file, self._columns)
            writer.writeheader()
            writer.writerows(rows[:-1])
            self._row_start = file.tell()
            writer.writerow(rows[-1])
