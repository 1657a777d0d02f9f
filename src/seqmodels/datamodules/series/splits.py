"""A person's files as training, validation and test: read when they are asked for, and no earlier."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from seqmodels.datamodules.files import ARGUMENTS, check_apart, facts_of
from seqmodels.datamodules.series.axis import Axis, axis
from seqmodels.datamodules.series.baselines import Baseline, baselines
from seqmodels.datamodules.series.cut import cut, training_rows, whole
from seqmodels.datamodules.series.lanes import Lanes, Segment, units
from seqmodels.datamodules.series.packing import PackedLanes
from seqmodels.datamodules.series.spec import TableSpec, WindowSpec
from seqmodels.datamodules.series.statistics import TrainingStatistics, fit_statistics
from seqmodels.datamodules.series.table import SeriesTable, series_table
from seqmodels.datamodules.series.windows import SplitWindows
from seqmodels.datamodules.window import Series
from seqmodels.tables.dates import SECOND
from seqmodels.tables.paths import expand


class SeriesSplits:
    """The tables and the splits made of them: each has files of its own, or else is cut from those of "train".

    Attributes:
        files: of the tables that were read, in that order.
    """

    def __init__(
        self,
        patterns: dict[str, list[str]],
        spec: TableSpec,
        windows: WindowSpec,
        fractions: dict[str, float],
        cache: Path | None,
    ) -> None:
        """
        Args:
            patterns: of the files of "train", "val" and "test"; those of the last two may be none.
            spec: how files become tables.
            windows: how steps become windows.
            fractions: of the rows of the training's files for "val" and "test", 0 where they have files of their own.
            cache: the folder for tables.
        """
        self.patterns, self.spec, self.windows, self.cache = patterns, spec, windows, cache
        self.fractions = fractions["val"], fractions["test"]
        self._wanted = {"train": 1.0} | fractions
        self.files: dict[str, list[Path]] = {}
        self._tables: dict[str, SeriesTable] = {}
        self._segments: dict[str, list[Segment]] = {}

    def has(self, split: str) -> bool:
        """Whether there is to be such a split."""
        return self._wanted[split] > 0 or bool(self.patterns[split])

    def source(self, split: str) -> str:
        """Whose files a split comes from: its own, or those of "train"."""
        return split if self.patterns[split] else "train"

    def table(self, source: str) -> SeriesTable:
        """
        Raises:
            ValueError, OSError: the files cannot be had, or something in them is wrong.
        """
        if source not in self._tables:
            self.files[source] = expand(self.patterns[source])
            check_apart(self.files)
            self._tables[source] = series_table(self.files[source], self.spec, self.cache)
        return self._tables[source]

    def segments(self, split: str) -> list[Segment]:
        """The steps of a split.

        Raises:
            ValueError: there are none, or a series is too short.
        """
        if split not in self._segments:
            source, horizon, short = self.source(split), self.windows.horizon, self.windows.short_series
            table = self.table(source)
            is_cut = source == "train"
            self._segments[split] = (
                cut(table, split, *self.fractions, horizon, short) if is_cut else whole(table, horizon, short)
            )
        return self._segments[split]

    def steps(self, split: str) -> int:
        """How many steps a split has."""
        return sum(segment.stop - segment.start for segment in self.segments(split))

    def series_in(self, split: str) -> int:
        """How many series have steps in a split."""
        begins = [series.begin for series in self.table(self.source(split)).series]
        return len(np.unique(np.searchsorted(begins, [segment.floor for segment in self.segments(split)], "right")))

    def windows_of(self, split: str, statistics: TrainingStatistics) -> SplitWindows:
        """
        Raises:
            ValueError: there are more lanes than can be filled, or windows longer than any series.
        """
        segments, (horizon, window, num_streams, warmup, _, _, packed) = self.segments(split), self.windows
        unit, warmup = (window, 0) if split == "train" else (1, warmup)
        unit = 1 if packed else unit
        if split == "train":
            self._check_window(segments)
        available = units(segments, unit)
        if available < num_streams:
            of = f"windows of {unit} steps; a smaller window gives more" if unit > 1 else "steps"
            raise ValueError(
                f"num_streams={num_streams} is too much for {split}, which has {available} {of}; "
                f"give at most {available}"
            )
        lanes: Lanes | PackedLanes = Lanes(segments, num_streams, window, unit, warmup)
        if packed:
            lanes = PackedLanes(segments, num_streams, window, warmup)
        fill, source = np.array(statistics.input_mean), self.source(split)
        table, time_unit = self.table(source), statistics.time_step
        if time_unit is not None and table.has_dates:
            time_unit *= SECOND
        return SplitWindows(table, lanes, horizon, fill, self.numbers(source, statistics), time_unit)

    def _check_window(self, segments: list[Segment]) -> None:
        """
        Raises:
            ValueError: windows are longer than any series, or packed, than what the lanes hold.
        """
        window, lanes, packed = self.windows.window, self.windows.num_streams, self.windows.packed
        longest = max(segment.stop - segment.start for segment in segments)
        most = units(segments, 1) // lanes if packed else longest
        if window <= most:
            return
        packing = ""
        if units(segments, 1) // lanes >= window:
            packing = "; with datamodule.packed=true series follow each other in a window"
        raise ValueError(
            f"window={window} is longer than what any {'lane' if packed else 'series'} has to train on; give at most "
            f"{most}, of which nothing is padding{packing}"
        )

    def series(self, statistics: TrainingStatistics) -> Series:
        """Those of the training, and behind them those that only validation or test have, whose errors are measured in
        the scale of all of the training together.
        """
        names, trained = self._names(statistics), _of_training(statistics)
        new = len(names) - len(trained["name"])
        overall = statistics.target_mean
        level = [
            [whole if own is None else own for own, whole in zip(means, overall, strict=True)]
            for means in [*trained["target_mean"], *([overall] * new)]
        ]
        if statistics.target_scale is None:
            return Series(names, level, None)
        return Series(names, level, [*trained["target_scale"], *([statistics.target_scale] * new)])

    def of_each(self, statistics: TrainingStatistics) -> dict[str, list[list[float]]]:
        """The statistics of each series of the training by their names, (S, ...); those of all where it has none."""
        trained = _of_training(statistics)
        table = {}
        for kind in ("input", "target"):
            known = [[mean is not None for mean in means] for means in trained[f"{kind}_mean"]]
            for name in (f"{kind}_{what}" for what in ("mean", "std", "change")):
                whole, own = np.array(getattr(statistics, name)), np.array(trained[name], dtype=float)
                table[name] = np.where(known, own, whole).tolist()
        return table

    def check_known(self, statistics: TrainingStatistics) -> None:
        """
        Raises:
            ValueError: a series is not one of the training.
        """
        new = self._names(statistics)[len(_of_training(statistics)["name"]) :]
        if new:
            raise ValueError(
                f"normalize=per_series, but the training has no series {new[0]!r} to know its scale from; leave it "
                f"out, or train with datamodule.normalize=true"
            )

    def numbers(self, source: str, statistics: TrainingStatistics) -> np.ndarray:
        """What the series of a table are called in `Window.series`."""
        series = self.table(source).series
        if self._is_trained(source, statistics):
            return np.arange(len(series))
        known = {name: number for number, name in enumerate(self._names(statistics))}
        return np.array([known[one.name] for one in series])

    def _names(self, statistics: TrainingStatistics) -> list[str]:
        tables = [table for source, table in self._tables.items() if not self._is_trained(source, statistics)]
        later = [series.name for table in tables for series in table.series]
        return list(dict.fromkeys([*_of_training(statistics)["name"], *later]))

    def _is_trained(self, source: str, statistics: TrainingStatistics) -> bool:
        """Whether the statistics are of this table's series, one by one; files may have been moved since."""
        return source == "train" and len(_of_training(statistics)["name"]) == len(self.table(source).series)

    def axis(self, split: str, row: int) -> Axis:
        """The time of the series that a row of a split's table belongs to."""
        return axis(self.table(self.source(split)), self.segments(split), self.windows.horizon, row)

    def sized(self, statistics: TrainingStatistics) -> TrainingStatistics:
        """With the rows and steps that the files have now, to tell whether they are still those of the training."""
        return replace(statistics, rows=self.table("train").rows, steps=self.steps("train"))

    def fit_statistics(self) -> TrainingStatistics:
        """What the training rows tell; found once for a table, and kept beside it."""
        table, horizon, season = self.table("train"), self.windows.horizon, self.windows.season

        def find() -> dict[str, Any]:
            rows = training_rows(table, *self.fractions, horizon)
            return asdict(fit_statistics(table, rows, self.steps("train"), horizon, season))

        about = [*TrainingStatistics.__dataclass_fields__, *self.fractions, horizon, season]
        return TrainingStatistics(**table.remembered(about, find))

    def baselines(self, statistics: TrainingStatistics) -> dict[str, Baseline]:
        """Of the test."""
        source, horizon, season = self.source("test"), self.windows.horizon, self.windows.season
        table, segments, numbers = self.table(source), self.segments("test"), self.numbers(source, statistics)
        return baselines(table, segments, horizon, season, statistics.target_mean, self.series(statistics), numbers)

    def facts(self) -> dict[str, Any]:
        """What was read: files by name and size, rows, and how many cells of which column are missing."""
        return {
            ARGUMENTS[source]: {
                "files": facts_of(table.files),
                "series": len(table.series),
                "rows": table.rows,
                "missing": table.missing,
            }
            for source, table in self._tables.items()
        }


def _of_training(statistics: TrainingStatistics) -> dict[str, list[Any]]:
    return statistics.series or {"name": [], "target_mean": [], "target_scale": []}
