"""A person's own signals as streams: columns of numbers in CSV, Parquet, NPY or NPZ files, of any size.

    time    0   1   2   3   4   5   6   7   8   9
    rpm     .   .   .   .   .   .   .   .   .   .      inputs=[rpm, load]
    load    .   .   .   .   .   .   .   .   .   .      targets=[heat], horizon=2:
    heat    .   .   .   .   .   .   .   .   .   .      step 3 reads row 3 and is to tell the heat of row 5

A file is a series, or with `group` every value of a column is one. `series_parts.py` draws how a series is cut into
training, validation and test, `lanes.py` how its steps lie across batches, `series_writing.py` how files become tables.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from torch.utils.data import DataLoader

from seqmodels.datamodules.base import check_at_least
from seqmodels.datamodules.loaders import FiniteWindows, InOrder, finite_loader
from seqmodels.datamodules.series.parts import Layout, SeriesData
from seqmodels.datamodules.series.recipe import Gaps, Missing, Recipe, check_fractions, check_named, check_recipe
from seqmodels.datamodules.series.statistics import Learned
from seqmodels.datamodules.series.windows import Part
from seqmodels.datamodules.window import Window, rank_rows

_PARTS = {"fit": ("train", "val", "test"), "validate": ("val",), "test": ("test",), "predict": ("test",)}

Stats = tuple[list[float], list[float]]


class SeriesStream(pl.LightningDataModule):
    """Windows of a person's own series, in lanes that keep their place from batch to batch.

    Attributes:
        input_size, output_size: D and Y, how many columns go in and come out.
        input_names, target_names: these columns.
        fills_with_mean: whether the training's mean stands where an input is missing.
        data: where parts, tables and statistics come from.
        learned: from the training rows, or from a checkpoint.
    """

    task = "regression"
    notice: str | None = None
    endless = False

    def __init__(
        self,
        files: str | list[str],
        inputs: str | list[str | int],
        targets: str | list[str | int],
        time: str | int | None = None,
        group: str | int | None = None,
        horizon: int = 0,
        window: int = 50,
        num_streams: int = 1,
        val_fraction: float = 0.1,
        test_fraction: float = 0.1,
        val_files: str | list[str] | None = None,
        test_files: str | list[str] | None = None,
        warmup: int = 100,
        missing: Missing = "error",
        gaps: Gaps = "error",
        time_step: float | None = None,
        season: int = 1,
        normalize: bool = True,
        delimiter: str = ",",
        decimal: str = ".",
        cache: str | None = None,
        num_workers: int = 0,
        overfit_batches: int = 0,
        seed: int = 1,
    ) -> None:
        """
        Args:
            files: paths, globs, or package:NAME/PATH; see `expand`.
            inputs, targets: names of columns.
            time: a column of numbers or dates (ISO 8601) that must go forward within a series; null: row after row.
            group: a column whose values tell series apart, also across files; null: each file is a series.
            horizon: h; the target of a step is h rows further on.
            window: T, steps.
            num_streams: G, lanes over all processes.
            val_fraction, test_fraction: of each series' rows, at its end, for validation and test.
            val_files, test_files: read as a whole instead, and `files` are not cut for that.
            warmup: steps before the first one that counts that validation and test read so that the state is warm.
            missing: cells that are empty or infinite: `error`; `mask` reads the mean and leaves the step out of the
                loss; `ffill` repeats the last input of the series. A missing target is never invented: outside of
                `error` it leaves the loss.
            gaps: where time jumps by more than 1.5 steps: `error`; `reset` begins the series anew; `ignore`.
            time_step: the step, in the unit of `time`, of dates in seconds; null: the median of a series' first 1,000.
            season: m, steps after which the signal resembles itself, for MASE and the seasonal naive forecast.
            normalize: the module reads and learns columns of mean 0 and standard deviation 1.
            delimiter, decimal: of CSV files.
            cache: the folder for converted files; null: the user's cache folder.
            num_workers: processes that make windows.
            overfit_batches: above 0, train on the first so many windows again and again.
            seed: accepted, but nothing here is random.

        Raises:
            ValueError: an argument is outside its range, or two contradict each other.
        """
        super().__init__()
        recipe = Recipe(
            _names(inputs), _names(targets), _name(time), _name(group), missing, gaps, time_step, delimiter, decimal
        )
        patterns = {"files": files, "val_files": val_files or [], "test_files": test_files or []}
        check_named("files", _names(files))
        check_recipe(recipe, horizon)
        check_fractions(val_fraction, test_fraction)
        check_at_least(1, window=window, num_streams=num_streams, season=season)
        check_at_least(0, horizon=horizon, warmup=warmup, num_workers=num_workers, overfit_batches=overfit_batches)
        self.input_names, self.target_names = recipe.inputs, recipe.targets
        self.input_size, self.output_size = len(recipe.inputs), len(recipe.targets)
        self.layout = Layout(horizon, window, num_streams, warmup, season)
        self.data = SeriesData(
            {source: _names(paths) for source, paths in patterns.items()},
            recipe,
            self.layout,
            (0.0 if val_files else val_fraction, 0.0 if test_files else test_fraction),
            Path(cache).expanduser() if cache else None,
        )
        self.num_streams, self.normalize = num_streams, normalize
        self.fills_with_mean = missing == "mask"
        self.num_workers, self.overfit_batches = num_workers, overfit_batches
        self.learned: Learned | None = None
        self._fitted = False
        self._parts: dict[str, Part] = {}
        self._start = (0, 0)

    @property
    def name(self) -> str:  # type: ignore[override]
        """Of the data really used: "series:co2", or "series:a+3" for four files; before any is read "series"."""
        return self.data.name

    @property
    def input_stats(self) -> Stats | None:
        """(D,) means and standard deviations in the training rows, for the module; None when not normalised."""
        if self.learned is None or not self.normalize:
            return None
        return self.learned.input_mean, self.learned.input_std

    @property
    def target_stats(self) -> Stats | None:
        """The same of the targets, (Y,)."""
        if self.learned is None or not self.normalize:
            return None
        return self.learned.target_mean, self.learned.target_std

    @property
    def change_stats(self) -> Stats | None:
        """Sizes of what changes: each input from step to step, (D,), and each target within the horizon, (Y,)."""
        if self.learned is None or not self.normalize:
            return None
        return self.learned.input_change, self.learned.target_change

    @property
    def target_inputs(self) -> list[int] | None:
        """(Y,) which inputs the targets are the future of; None where one is not among them, or nothing lies ahead."""
        if self.layout.horizon == 0 or not set(self.target_names) <= set(self.input_names):
            return None
        return [self.input_names.index(name) for name in self.target_names]

    @property
    def target_scale(self) -> list[float] | None:
        """(Y,) what MASE measures errors in; None without a horizon, and where a target has no season that differs."""
        return self.learned.target_scale if self.learned else None

    def prepare_data(self) -> None:
        """Convert the files, unless that has been done; after a training `setup` does so for what it needs.

        Raises:
            ValueError, OSError: a file cannot be had, or something in it is wrong.
        """
        if self.learned is None:
            for source, patterns in self.data.patterns.items():
                if patterns:
                    self.data.table(source)

    def setup(self, stage: str | None = None) -> None:
        """Cut the series into parts and learn from the training rows, unless that was learned before.

        Raises:
            ValueError: the series are too short or too few, or the training's files have changed since.
        """
        parts = [part for part in _PARTS[stage or "fit"] if part not in self._parts and self.data.has(part)]
        if self.learned is None or "train" in parts:
            self._learn()
        elif any(self.data.source(part) == "files" for part in parts):
            self._check_files(self.learned, self.data.sized(self.learned))
        assert self.learned is not None
        self._parts |= {part: self.data.part(part, self.learned) for part in parts}

    def _learn(self) -> None:
        before, self.learned = self.learned, self.data.learn()
        self._fitted = True
        if before is not None:
            self._check_files(before, self.learned)

    def _check_files(self, then: Learned, now: Learned) -> None:
        difference = now.differs_from(then)
        if difference:
            raise ValueError(
                f"{self.name}: the files are not what the training read ({difference}); bring them back, or name other "
                f"data to test on with datamodule.test_files=[...]"
            )

    def state_dict(self) -> dict[str, Any]:
        """What was learned from the training rows, as plain values; Lightning puts it into every checkpoint."""
        return asdict(self.learned) if self.learned else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what a training learned; its files are then read only where a part is cut from them.

        Raises:
            ValueError: the training was for another horizon or season, or the files that were read since are others.
        """
        learned = Learned(**state_dict)
        for name in ("horizon", "season"):
            trained, ours = getattr(learned, name), getattr(self.layout, name)
            if ours != trained:
                raise ValueError(
                    f"{name}={ours} but the model was trained with {name}={trained}, which it cannot change"
                )
        if self._fitted and self.learned is not None:
            self._check_files(learned, self.learned)
        self.learned = learned
        self._parts = {part: self.data.part(part, learned) for part in self._parts}

    def make_window(self, stage: str, i: int) -> Window:
        """Window i of all lanes of train, val or test; a pure function of its arguments."""
        return self._parts[stage].window(i)

    def start_from(self, epoch: int, batch: int) -> None:
        """Training goes on at this window of this epoch; said before the training loader is made.

        Raises:
            ValueError: a number is negative.
        """
        check_at_least(0, epoch=epoch, batch=batch)
        self._start = (epoch, batch)

    def train_dataloader(self) -> DataLoader[Window]:
        return self._loader("train")

    def val_dataloader(self) -> list[DataLoader[Window]]:
        return [self._loader("val")] if "val" in self._parts else []

    def test_dataloader(self) -> list[DataLoader[Window]]:
        return [self._loader("test")] if "test" in self._parts else []

    def predict_dataloader(self) -> list[DataLoader[Window]]:
        return self.test_dataloader()

    def transfer_batch_to_device(self, batch: Window, device: torch.device, dataloader_idx: int) -> Window:
        return batch.to(device)

    def _loader(self, stage: str) -> DataLoader[Window]:
        rank, ranks = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        part, training = self._parts[stage], stage == "train"
        stop = min(self.overfit_batches or len(part), len(part)) if training else len(part)
        order = InOrder(stop, self._epoch if training and self.trainer else None, self._start if training else (0, 0))
        windows = FiniteWindows(part.window, rank_rows(self.num_streams, rank, ranks))
        return finite_loader(windows, order, self.num_workers)

    def _epoch(self) -> int:
        assert self.trainer is not None
        return self.trainer.current_epoch

    def summary(self) -> str:
        """One line for the start of a run."""
        parts = ", ".join(f"{part.lanes.steps:,} {name}" for name, part in self._parts.items())
        lanes = "1 lane" if self.num_streams == 1 else f"{self.num_streams} lanes"
        ahead = f", {self.layout.horizon} ahead" if self.layout.horizon else ""
        return f"{self.name}: steps {parts}; {lanes}, windows of {self.layout.window} steps{ahead}"

    def facts(self) -> dict[str, Any]:
        """What results.json keeps of the data beside its name."""
        steps = {name: part.lanes.steps for name, part in self._parts.items()}
        facts = {"files": self.data.facts(), "parts": steps, "inputs": self.input_names, "targets": self.target_names}
        if "test" in self._parts and self.learned and self.layout.horizon:
            facts["baselines"] = self.data.baselines(self.learned)
        return facts | {"horizon": self.layout.horizon}


def _name(name: str | int | None) -> str | None:
    return None if name is None else str(name)


def _names(names: str | int | Sequence[str | int]) -> list[str]:
    return [str(names)] if isinstance(names, str | int) else [str(name) for name in names]
