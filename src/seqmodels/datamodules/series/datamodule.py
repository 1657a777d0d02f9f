"""A person's own signals as streams: columns of numbers in CSV, Parquet, NPY or NPZ files, of any size.

    time    0   1   2   3   4   5   6   7   8   9
    rpm     .   .   .   .   .   .   .   .   .   .      inputs=[rpm, load]
    load    .   .   .   .   .   .   .   .   .   .      targets=[heat], horizon=2:
    heat    .   .   .   .   .   .   .   .   .   .      step 3 reads row 3 and is to tell the heat of row 5

A file is a series, or with `group` every value of a column is one. `cut.py` draws how a series is cut into training,
validation and test, `lanes.py` how its steps lie across batches, `convert.py` how files become tables.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from seqmodels.config.ranges import LONGEST, above, at_least, one_of, size
from seqmodels.datamodules.files import READ, FileData, as_name, as_names, check_named, check_roles, named_after
from seqmodels.datamodules.series.axis import Axis
from seqmodels.datamodules.series.baselines import Baseline
from seqmodels.datamodules.series.spec import Gaps, ShortSeries, TableSpec, WindowSpec
from seqmodels.datamodules.series.splits import SeriesSplits
from seqmodels.datamodules.series.statistics import TrainingStatistics
from seqmodels.datamodules.streams import StreamData
from seqmodels.datamodules.window import Series

EXAMPLE = "datamodule.files=[data/*.csv] datamodule.inputs=[rpm,load] datamodule.targets=[heat]"


class SeriesStream(FileData, StreamData):
    """Windows of a person's own series, in lanes that keep their place from batch to batch.

    Attributes:
        input_size, output_size: D and Y, how many columns go in and come out.
        input_names, target_names: these columns.
        data: where splits, tables and statistics come from.
        statistics: of the training rows, or from a checkpoint.
    """

    statistics_class = TrainingStatistics
    normalizations = (True, False, "per_series")
    statistics: TrainingStatistics | None

    def __init__(
        self,
        files: str | list[str],
        inputs: str | list[str | int],
        targets: str | list[str | int],
        time: str | int | None = None,
        group: str | int | None = None,
        horizon: int = 0,
        window: int = 50,
        warmup: int = 100,
        gaps: Gaps = "error",
        time_step: float | None = None,
        short_series: ShortSeries = "error",
        packed: bool = False,
        season: int = 1,
        cache: str | None = None,
        **options: Any,
    ) -> None:
        """
        Args:
            files: as in `FileData`; each series is cut in time, so that its end is the test.
            inputs, targets: names of columns.
            time: a column of numbers or dates (ISO 8601) that must go forward within a series; null: row after row.
            group: a column whose values tell series apart, also across files; null: each file is a series.
            horizon: h; the target of a step is h rows further on.
            window: T, steps.
            warmup: steps before the first one that counts that validation and test read so that the state is warm.
            gaps: where time jumps by more than 1.5 steps: `error`; `reset` begins the series anew; `ignore`. `dt` tells
                the core at every step how much time has gone by since the one before, in steps of the training.
            time_step: the step, in the unit of `time`, of dates in seconds; null: the median of a series' first 1,000,
                with gaps=dt of all of them.
            short_series: one with no more rows than the horizon: `error` names it, `skip` leaves it out.
            packed: series follow each other inside a window, in place of padding up to its end.
            season: m, steps after which the signal resembles itself, for MASE and the seasonal naive forecast.
            cache: the folder for converted files; null: the user's cache folder.
            options: as in `FileData` and `StreamData`; the streams are lanes that the series are dealt out to.
                normalize=per_series takes mean and standard deviation of each series for itself, which then must be one
                of the training. With missing=mask the step of a missing input leaves the loss. A missing target is
                never invented: outside of `error` it leaves the loss.

        Raises:
            ValueError: an argument is outside its range, or two contradict each other.
        """
        super().__init__(files=files, **options)
        columns = as_names(inputs), as_names(targets), as_name(time), as_name(group)
        spec = TableSpec(*columns, self.missing, gaps, time_step, self.marks, self.repeated_times)
        check_named(EXAMPLE, files=as_names(files), inputs=spec.inputs, targets=spec.targets)
        one_of(Gaps, gaps=gaps)
        one_of(ShortSeries, short_series=short_series)
        size(LONGEST, window=window)
        at_least(1, season=season)
        at_least(0, horizon=horizon, warmup=warmup)
        if time_step is not None:
            above(0, time_step=time_step)
        if gaps == "dt" and spec.time is None:
            raise ValueError("gaps=dt tells the core how much time lies between rows; give datamodule.time=COLUMN")
        check_roles("targets", spec.targets, time=spec.time, group=spec.group)
        copied = [column for column in spec.targets if column in spec.inputs]
        if horizon == 0 and copied:
            raise ValueError(
                f"horizon={horizon} with {copied[0]!r} among the inputs and the targets would only copy it; give a "
                f"horizon of at least 1 to forecast it, or take it out of the inputs"
            )
        val, test = self.fractions.values()
        if val + test >= 1:
            raise ValueError(
                f"val_fraction={val} and test_fraction={test} leave nothing to train on; give smaller ones, or files "
                f"of their own with val_files=[...] and test_files=[...]"
            )
        self.input_names, self.target_names = spec.inputs, spec.targets
        self.input_size, self.output_size = len(spec.inputs), len(spec.targets)
        if horizon and set(spec.targets) <= set(spec.inputs):
            self.target_inputs = [spec.inputs.index(column) for column in spec.targets]
        if self.normalize == "per_series" and self.missing == "mask":
            raise ValueError(
                "normalize=per_series has no mean of all series that missing=mask could read; give "
                "datamodule.missing=ffill or datamodule.normalize=true"
            )
        self.fills_with_mean = self.missing == "mask"
        self.horizon, self.season, self.window = horizon, season, window
        self.has_dt = gaps == "dt"
        windows = WindowSpec(horizon, window, self.num_streams, warmup, season, short_series, packed)
        folder = Path(cache).expanduser() if cache else None
        self.data = SeriesSplits(self.patterns, spec, windows, self.fractions, folder)

    @property
    def name(self) -> str:  # type: ignore[override]
        """Of the data really used: "series:co2", or "series:a+3" for four files; before any is read "series"."""
        return named_after("series", next(iter(self.data.files.values()), []))

    def prepare_data(self) -> None:
        """Convert the files, unless that has been done; after a training `setup` does so for what it needs.

        Raises:
            ValueError, OSError: a file cannot be had, or something in it is wrong.
        """
        if self.statistics is None:
            for source, patterns in self.patterns.items():
                if patterns:
                    self.data.table(source)

    def setup(self, stage: str | None = None) -> None:
        """Cut the series into splits and learn from the training rows, unless that was learned before.

        Raises:
            ValueError: the series are too short or too few, or the training's files have changed since.
        """
        splits = [split for split in READ[stage or "fit"] if split not in self.splits and self.data.has(split)]
        if self.statistics is None or "train" in splits:
            self.learn(self.data.fit_statistics())
        elif any(self.data.source(split) == "train" for split in splits):
            self.check_unchanged(self.statistics, self.data.sized(self.statistics))
            if self.statistics.series is None:
                self.take(replace(self.statistics, series=self.data.fit_statistics().series))
        assert self.statistics is not None
        if "train" in splits:
            self.longest = max(segment.stop - segment.start for segment in self.data.segments("train"))
        self.splits |= {split: self.data.windows_of(split, self.statistics) for split in splits}
        if self.normalize == "per_series":
            self.data.check_known(self.statistics)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As in `FileData`.

        Raises:
            ValueError: the training was for another horizon or season, or the files that were read since are others.
        """
        then = TrainingStatistics(**state_dict)
        for argument in ("horizon", "season"):
            ours, trained = getattr(self, argument), getattr(then, argument)
            if ours != trained:
                raise ValueError(
                    f"{argument}={ours} but the model was trained with {argument}={trained}, which it cannot change"
                )
        super().load_state_dict(state_dict)
        assert self.statistics is not None
        if then.series is None and self._found is not None:
            self.take(replace(self.statistics, series=self._found.series))
        self.splits = {split: self.data.windows_of(split, self.statistics) for split in self.splits}

    def take(self, statistics: TrainingStatistics) -> None:
        self.statistics = statistics
        self.input_mean, self.target_scale = statistics.input_mean, statistics.target_scale
        if self.normalize == "per_series":
            table = self.data.of_each(statistics)
            self.input_stats = table["input_mean"], table["input_std"]
            self.target_stats = table["target_mean"], table["target_std"]
            self.change_stats = table["input_change"], table["target_change"]
        elif self.normalize:
            self.input_stats = statistics.input_mean, statistics.input_std
            self.target_stats = statistics.target_mean, statistics.target_std
            self.change_stats = statistics.input_change, statistics.target_change

    @property
    def series(self) -> Series | None:  # type: ignore[override]
        return None if self.statistics is None else self.data.series(self.statistics)

    def rows_of_window(self, split: str, number: int) -> np.ndarray:
        windows: Any = self.splits[split]
        return windows.rows(number)

    def axis(self, split: str, row: int) -> Axis:
        """The time of the series that a row of a split's table belongs to."""
        return self.data.axis(split, row)

    def _steps(self) -> dict[str, int]:
        """How many count in each split."""
        return {split: self.data.steps(split) for split in self.splits}

    def _series(self) -> dict[str, int]:
        """How many have steps in each split."""
        return {split: self.data.series_in(split) for split in self.splits}

    def summary(self) -> str:
        series = self._series()
        several = max(series.values()) > 1
        steps = ", ".join(
            f"{count:,} {split}" + (f" (of {series[split]:,} series)" if several else "")
            for split, count in self._steps().items()
        )
        lanes = "1 lane" if self.num_streams == 1 else f"{self.num_streams} lanes"
        ahead = f", {self.horizon} ahead" if self.horizon else ""
        return f"{self.name}: steps {steps}; {lanes}, windows of {self.window} steps{ahead}"

    def facts(self) -> dict[str, Any]:
        columns = {"inputs": self.input_names, "targets": self.target_names}
        facts = {"files": self.data.facts(), "parts": self._steps(), "series": self._series(), **columns}
        if baselines := self._baselines():
            facts["baselines"] = {name: baseline.means() for name, baseline in baselines.items()}
        if self.statistics and self.statistics.scale_missing:
            facts["mase_missing"] = self.statistics.scale_missing
        return facts | {"horizon": self.horizon}

    def baseline_parts(self) -> Mapping[str, Mapping[str, Any]]:
        return {name: baseline.parts() for name, baseline in self._baselines().items()}

    def _baselines(self) -> dict[str, Baseline]:
        if "test" in self.splits and self.statistics and self.horizon:
            return self.data.baselines(self.statistics)
        return {}
