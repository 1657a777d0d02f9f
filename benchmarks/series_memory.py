"""Memory while a file larger than one would want to load becomes a table and then windows.

python benchmarks/series_memory.py --gigabytes 5 --kind csv
python benchmarks/series_memory.py --gigabytes 5 --kind parquet

Says every so often what the process holds of its own (RssAnon in /proc/self/status), and how much of mapped files the
system keeps for it (RssFile), which it takes back as soon as somebody else needs the memory.
"""

import argparse
import tempfile
import threading
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

INPUTS, TARGET = [f"x{column}" for column in range(8)], "y"
BATCH = 250_000
ROW_GROUP = 50 * BATCH
"""Rows of a row group of the Parquet file, 0.9 GB."""


def write(path: Path, size: float) -> None:
    """Random numbers until the file has so many bytes."""
    generator = np.random.default_rng(0)

    def batch() -> pa.RecordBatch:
        numbers = generator.normal(size=(len(INPUTS) + 1, BATCH))
        return pa.record_batch(dict(zip([*INPUTS, TARGET], numbers, strict=True)))

    first = batch()
    if path.suffix == ".csv":
        with pyarrow.csv.CSVWriter(path, first.schema) as file:
            while path.stat().st_size < size:
                file.write_batch(first)
    else:
        with pq.ParquetWriter(path, first.schema, use_dictionary=False) as file:
            while path.stat().st_size < size:
                for _ in range(ROW_GROUP // BATCH):
                    file.write_batch(batch(), row_group_size=ROW_GROUP)


def memory() -> dict[str, float]:
    """MiB."""
    lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    return {words[0][:-1]: int(words[1]) / 1024 for words in lines if words and words[0] in ("RssAnon:", "RssFile:")}


class Watch(threading.Thread):
    """Notes the memory ten times a second, until it is told to stop."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.stage = "start"
        self.notes: list[tuple[float, str, dict[str, float]]] = []
        self.over = threading.Event()
        self.began = time.monotonic()

    def run(self) -> None:
        while not self.over.wait(0.1):
            self.notes.append((time.monotonic() - self.began, self.stage, memory()))

    def table(self, lines: int = 12) -> None:
        print("| second | doing | of its own (MiB) | of mapped files (MiB) |\n|---|---|---|---|")
        for second, stage, held in self.notes[:: max(1, len(self.notes) // lines)]:
            print(f"| {second:.0f} | {stage} | {held['RssAnon']:.0f} | {held['RssFile']:.0f} |")
        for stage in dict.fromkeys(stage for _, stage, _ in self.notes):
            peak = max(held["RssAnon"] for _, other, held in self.notes if other == stage)
            print(f"peak of its own while {stage}: {peak:.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--gigabytes", type=float, default=5)
    parser.add_argument("--kind", choices=["csv", "parquet"], default="csv")
    parser.add_argument("--windows", type=int, default=300)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"signal.{given.kind}")
        path.touch()
        writer = get_context("spawn").Process(target=write, args=(path, given.gigabytes * 1e9))
        writer.start()  # apart, so that what writing takes is not counted
        writer.join()
        from seqmodels.datamodules.series.datamodule import SeriesStream

        data = SeriesStream(str(path), [*INPUTS], TARGET, num_streams=64, cache=str(Path(folder, "cache")))
        watch = Watch()
        watch.start()
        watch.stage = "converting"
        data.prepare_data()
        watch.stage = "learning statistics"
        data.setup("fit")
        watch.stage = "reading windows"
        count = len(data.train_dataloader())
        for i in np.random.default_rng(0).integers(0, count, given.windows).tolist():
            data.splits["train"].window(i)
        watch.over.set()
        watch.join()
        rows = data.data.table("files").rows
        print(f"\n{path.name}: {path.stat().st_size / 1e9:.2f} GB, {rows:,} rows; {given.windows} of {count:,} windows")
        watch.table()


if __name__ == "__main__":
    main()
