"""Small random signals, written to files, whose every cell tells where it stands; and what ought to become of them."""

import random
from dataclasses import dataclass
from pathlib import Path

from seqmodels.datamodules.series.datamodule import SeriesStream
from seqmodels.datamodules.window import Window

FAR = 1000.0
"""Between two series: row r of series s holds s FAR + r as its input, and minus that as its target."""


@dataclass
class Layout:
    """Series by their length and the rows behind which time jumps, and the arguments to read them with."""

    lengths: list[int]
    gaps: list[list[int]]
    horizon: int
    window: int
    num_streams: int
    warmup: int
    val_fraction: float
    test_fraction: float
    mixed: bool

    def write(self, path: Path, dice: random.Random) -> None:
        """As groups of one CSV, the rows of different groups one after the other or mixed."""
        rows = []
        for series, (length, gaps) in enumerate(zip(self.lengths, self.gaps, strict=True)):
            time = 0
            for row in range(length):
                time += 5 if row in gaps else 1
                cell = series * FAR + row
                rows.append(f"{time},g{series},{cell},{-cell}")
        if self.mixed:
            turns = [series for series, length in enumerate(self.lengths) for _ in range(length)]
            dice.shuffle(turns)
            queues = [[row for row in rows if f",g{series}," in row] for series in range(len(self.lengths))]
            rows = [queues[series].pop(0) for series in turns]
        path.write_text("t,g,x,y\n" + "\n".join(rows) + "\n")

    def datamodule(self, path: Path, **options: object) -> SeriesStream:
        arguments = {
            "files": [str(path)], "inputs": ["x"], "targets": ["y"], "time": "t", "group": "g", "gaps": "reset",
            "time_step": 1.0, "horizon": self.horizon, "window": self.window, "num_streams": self.num_streams,
            "warmup": self.warmup, "val_fraction": self.val_fraction, "test_fraction": self.test_fraction,
            "cache": "cache",
        }  # fmt: skip
        data = SeriesStream(**(arguments | options))  # type: ignore[arg-type]
        data.prepare_data()
        data.setup("fit")
        return data

    def steps(self, part: str) -> set[float]:
        """The inputs of the steps that count in a part, row by row."""
        found = set()
        for series, (length, gaps) in enumerate(zip(self.lengths, self.gaps, strict=True)):
            test = round(length * self.test_fraction)
            a, b = length - test - round(length * self.val_fraction), length - test
            for row in range(length):
                target = row + self.horizon
                together = target < length and not any(row < gap <= target for gap in gaps)
                if together and part == ("train" if target < a else "val" if target < b else "test"):
                    found.add(series * FAR + row)
        return found

    def before(self, cell: float) -> int:
        """How many rows may be read before the one with this input."""
        series, row = divmod(cell, FAR)
        return int(row) - max([0, *(gap for gap in self.gaps[int(series)] if gap <= row)])


def random_layout(seed: int) -> Layout:
    dice = random.Random(seed)
    horizon = dice.choice([0, 0, 1, 2, 5])
    lengths = [dice.randint(horizon + 1, dice.choice([8, 30, 90])) for _ in range(dice.randint(1, 6))]
    if seed % 3 == 0:
        lengths[0] += 100
    return Layout(
        lengths,
        [sorted(dice.sample(range(1, n), dice.randint(0, min(3, n - 1)))) if n > 1 else [] for n in lengths],
        horizon,
        window=dice.randint(1, 9),
        num_streams=dice.randint(1, 5),
        warmup=dice.choice([0, 1, 4, 20]),
        val_fraction=dice.choice([0.1, 0.25, 0.4]),
        test_fraction=dice.choice([0.1, 0.3, 0.5]),
        mixed=dice.random() < 0.5,
    )


def windows(data: SeriesStream, part: str) -> list[Window]:
    loader = data.train_dataloader() if part == "train" else getattr(data, f"{part}_dataloader")()[0]
    return list(loader)
