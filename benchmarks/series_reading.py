"""How long a person's file takes to become windows, against plain pyarrow reading the same columns of it.

python benchmarks/series_reading.py --rows 2000000 --rounds 5

pyarrow   reads the columns block by block and drops them
convert   `series_table`: the same, checked, split, and written as a table
windows   one epoch of windows (64 lanes, 50 steps) from a table that is there
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from alternate import measure, report, table
from seqmodels.datamodules.series.datamodule import SeriesStream
from seqmodels.datamodules.series.spec import TableSpec
from seqmodels.datamodules.series.table import series_table
from seqmodels.tables.formats import Marks

INPUTS, TARGET = [f"x{column}" for column in range(8)], "y"


def write(folder: Path, rows: int) -> None:
    """Random numbers of 6 digits, as signal.csv and signal.parquet."""
    numbers = np.random.default_rng(0).normal(size=(len(INPUTS) + 1, rows)).round(6)
    content = pa.table(dict(zip([*INPUTS, TARGET], numbers, strict=True)))
    pyarrow.csv.write_csv(content, folder / "signal.csv")
    pq.write_table(content, folder / "signal.parquet")


def plain(path: Path) -> int:
    """Rows that pyarrow read."""
    if path.suffix == ".csv":
        types = {name: pa.float64() for name in [*INPUTS, TARGET]}
        options = pyarrow.csv.ConvertOptions(column_types=types)
        return sum(len(batch) for batch in pyarrow.csv.open_csv(path, convert_options=options))
    return sum(len(batch) for batch in pq.ParquetFile(path).iter_batches())


def convert(path: Path) -> int:
    """Rows of a table that was made just now."""
    spec = TableSpec(INPUTS, [TARGET], None, None, "error", "error", None, Marks())
    with tempfile.TemporaryDirectory(dir=path.parent) as cache:
        return series_table([path], spec, Path(cache)).rows


def windows(path: Path) -> float:
    """Seconds of an epoch of windows."""
    data = SeriesStream(str(path), [*INPUTS], TARGET, num_streams=64, cache=str(path.parent / "cache"))
    data.prepare_data()
    data.setup("fit")
    started = time.perf_counter()
    for _ in data.train_dataloader():
        pass
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--variant", choices=["pyarrow", "convert", "windows"])
    parser.add_argument("--path", type=Path)
    given = parser.parse_args()
    if given.variant == "windows":
        report(windows(given.path))
    elif given.variant:
        started = time.perf_counter()
        {"pyarrow": plain, "convert": convert}[given.variant](given.path)
        report(time.perf_counter() - started)
    else:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), given.rows)
            for path in (Path(folder, "signal.csv"), Path(folder, "signal.parquet")):
                print(f"\n{path.name}: {given.rows:,} rows, {path.stat().st_size / 2**20:.0f} MiB")
                table(
                    measure(__file__, ["pyarrow", "convert", "windows"], given.rounds, "--path", str(path)), "pyarrow"
                )


if __name__ == "__main__":
    main()
