"""A person's files as training, validation and test: read when they are asked for, and no earlier."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seqmodels.datamodules.series.baselines import baselines
from seqmodels.datamodules.series.lanes import Lanes, Segment, units
from seqmodels.datamodules.series.recipe import Recipe
from seqmodels.datamodules.series.split import cut, training_rows, whole
from seqmodels.datamodules.series.statistics import Learned, learn
from seqmodels.datamodules.series.table import SeriesTable, series_table
from seqmodels.datamodules.series.windows import Part
from seqmodels.tables.paths import expand


class Layout(NamedTuple):
    """How steps become windows; see `SeriesStream`."""

    horizon: int
    window: int
    num_streams: int
    warmup: int
    season: int


class SeriesData:
    """The three sources of files and the parts made of them.

    A part comes from its own files, `val_files` or `test_files`, or else is cut from `files`.
    """

    def __init__(
        self,
        patterns: dict[str, list[str]],
        recipe: Recipe,
        layout: Layout,
        fractions: tuple[float, float],
        cache: Path | None,
    ) -> None:
        """
        Args:
            patterns: of "files", "val_files" and "test_files"; the last two may be empty.
            recipe: how files become tables.
            layout: how steps become windows.
            fractions: of the rows of `files`, for validation and test, 0 where a part has files of its own.
            cache: the folder for tables.
        """
        self.patterns, self.recipe, self.layout, self.fractions, self.cache = patterns, recipe, layout, fractions, cache
        self._files: dict[str, list[Path]] = {}
        self._tables: dict[str, SeriesTable] = {}
        self._segments: dict[str, list[Segment]] = {}

    @property
    def name(self) -> str:
        """After the files that were read first: "series:co2", with "+3" for three more."""
        files = next(iter(self._files.values()), [])
        return "series" + (f":{files[0].stem}" if files else "") + (f"+{len(files) - 1}" if len(files) > 1 else "")

    def source(self, part: str) -> str:
        """Where a part comes from."""
        return f"{part}_files" if self.patterns.get(f"{part}_files") else "files"

    def has(self, part: str) -> bool:
        """Whether there is to be such a part."""
        fraction = {"train": 1.0, "val": self.fractions[0], "test": self.fractions[1]}[part]
        return fraction > 0 or self.source(part) != "files"

    def table(self, source: str) -> SeriesTable:
        """
        Raises:
            ValueError, OSError: the files cannot be had, or something in them is wrong.
        """
        if source not in self._tables:
            self._files[source] = expand(self.patterns[source])
            self._check_apart()
            self._tables[source] = series_table(self._files[source], self.recipe, self.cache)
        return self._tables[source]

    def segments(self, part: str) -> list[Segment]:
        """The steps of a part.

        Raises:
            ValueError: there are none, or a series is too short.
        """
        if part not in self._segments:
            source = self.source(part)
            table = self.table(source)
            self._segments[part] = (
                cut(table, part, *self.fractions, self.layout.horizon)
                if source == "files"
                else whole(table, self.layout.horizon)
            )
        return self._segments[part]

    def steps(self, part: str) -> int:
        """How many steps a part has."""
        return sum(segment.stop - segment.start for segment in self.segments(part))

    def part(self, part: str, learned: Learned) -> Part:
        """The windows of a part.

        Raises:
            ValueError: there are more lanes than can be filled.
        """
        segments, layout = self.segments(part), self.layout
        unit, warmup = (layout.window, 0) if part == "train" else (1, layout.warmup)
        available = units(segments, unit)
        if available < layout.num_streams:
            of = f"windows of {unit} steps; a smaller window gives more" if unit > 1 else "steps"
            raise ValueError(
                f"num_streams={layout.num_streams} is too much for {part}, which has {available} {of}; "
                f"give at most {available}"
            )
        lanes = Lanes(segments, layout.num_streams, layout.window, unit, warmup)
        return Part(self.table(self.source(part)), lanes, layout.horizon, np.array(learned.input_mean))

    def sized(self, learned: Learned) -> Learned:
        """With the rows and steps that `files` have now, to tell whether they are still those of the training."""
        return replace(learned, rows=self.table("files").rows, steps=self.steps("train"))

    def learn(self) -> Learned:
        """What the training rows tell."""
        table = self.table("files")
        horizon, season = self.layout.horizon, self.layout.season

        def find() -> dict[str, Any]:
            return asdict(learn(table, training_rows(table, *self.fractions), self.steps("train"), horizon, season))

        about = [*Learned.__dataclass_fields__, *self.fractions, horizon, season]
        return Learned(**table.remembered(about, find))

    def baselines(self, learned: Learned) -> dict[str, Any]:
        """Of the test."""
        table = self.table(self.source("test"))
        return baselines(table, self.segments("test"), self.layout.horizon, self.layout.season, learned)

    def facts(self) -> dict[str, Any]:
        """What was read: files by name and size, rows, and how many cells of which column are missing."""
        return {
            source: {
                "files": [{"name": path.name, "bytes": path.stat().st_size} for path in table.files],
                "series": len(table.series),
                "rows": table.rows,
                "missing": table.missing,
            }
            for source, table in self._tables.items()
        }

    def _check_apart(self) -> None:
        seen: dict[Path, str] = {}
        for source, files in self._files.items():
            for path in files:
                first = seen.setdefault(path.resolve(), source)
                if first != source:
                    raise ValueError(f"{path} is among {first} and {source}; a part must be held out from the others")
