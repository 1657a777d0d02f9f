"""From files to a table: rows find their series, time is checked, the conversion happens once, whole or not at all."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from seqmodels.datamodules.series import table as series_cache
from seqmodels.datamodules.series.spec import TableSpec
from seqmodels.datamodules.series.table import SeriesTable, series_table
from seqmodels.tables import csv_format
from seqmodels.tables.formats import Marks

BASE = TableSpec(["x"], ["y"], "t", "g", "error", "error", None, Marks())
PLAIN = BASE._replace(time=None, group=None)


def table(spec: TableSpec, *names: str) -> SeriesTable:
    return series_table([Path(name) for name in names], spec, Path("cache"))


def csv(name: str, header: str, *rows: str) -> None:
    Path(name).write_text("\n".join([header, *rows]) + "\n")


@pytest.mark.parametrize("seed", range(6))
def test_rows_of_mixed_groups_find_their_places(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a plain loop over rows: several files, blocks of a few rows, gaps, holes, values carried over them."""
    monkeypatch.setattr(csv_format, "BLOCK", 256)
    dice = random.Random(seed)
    clocks, expected, cuts = defaultdict(int), defaultdict(list), defaultdict(list)
    last: dict[str, list[float]] = {}
    names = [f"{number}.csv" for number in range(3)]
    for name in names:
        rows = []
        for _ in range(dice.randint(20, 120)):
            group = f"group {dice.randint(0, 9)}"
            jump = dice.random() < 0.05
            clocks[group] += 10 if jump else 1
            cells = [dice.choice(["", "1.5", "-2", "3e1", "NA"]) for _ in range(3)]
            rows.append(f"{group},{clocks[group]},{','.join(cells)}")
            values = [float("nan") if cell in ("", "NA") else float(cell) for cell in cells]
            if jump and expected[group]:
                cuts[group].append(len(expected[group]))
                last.pop(group, None)
            inputs = [old if new != new else new for new, old in zip(values[:2], last.get(group, values), strict=False)]
            last[group] = inputs
            expected[group].append([*inputs, *values[1:]])  # y is an input and a target, z a target
        csv(name, "g,t,x,y,z", *rows)
    spec = BASE._replace(inputs=["x", "y"], targets=["y", "z"], missing="ffill", gaps="reset", time_step=1.0)
    found = table(spec, *names)
    assert [series.name for series in found.series] == list(expected)
    for series in found.series:
        rows = slice(series.begin, series.begin + series.rows)
        both = np.concatenate([found.inputs[rows], found.targets[rows]], 1)
        np.testing.assert_array_equal(both, np.array(expected[series.name], np.float32))
        assert series.cuts == cuts[series.name]
    assert found.rows == sum(map(len, expected.values()))


def test_the_kinds_of_files_give_the_same_table() -> None:
    generator = np.random.default_rng(0)
    columns = {"g": generator.integers(0, 5, 3000), "x": generator.normal(size=3000), "y": generator.normal(size=3000)}
    content = pa.table(columns)
    pyarrow.csv.write_csv(content, "a.csv")
    pq.write_table(content, "a.parquet", row_group_size=700)
    np.save("a.npy", np.rec.fromarrays(list(columns.values()), names="g,x,y"))
    tables = [table(BASE._replace(time=None), name) for name in ("a.csv", "a.parquet", "a.npy")]
    for one in tables:
        assert [series.name for series in one.series] == [series.name for series in tables[0].series]
        np.testing.assert_array_equal(one.inputs, tables[0].inputs)
        np.testing.assert_array_equal(one.targets, tables[0].targets)


def test_thousands_of_series() -> None:
    columns = {"g": np.tile(np.arange(3000), 40), "x": np.arange(120_000), "y": np.arange(120_000)}
    pq.write_table(pa.table(columns), "a.parquet")
    found = table(BASE._replace(time=None), "a.parquet")
    assert len(found.series) == 3000
    one = found.series[17]
    assert (one.name, one.rows) == ("17", 40)
    np.testing.assert_array_equal(found.inputs[one.begin : one.begin + 40, 0], 17 + 3000 * np.arange(40))


def test_what_is_infinite_or_beyond_float32_is_missing() -> None:
    csv("a.csv", "x,y", "1,inf", "1e39,2", "-inf,3")
    found = table(PLAIN._replace(missing="mask"), "a.csv")
    np.testing.assert_array_equal(found.inputs[:, 0], [1, np.nan, np.nan])
    np.testing.assert_array_equal(found.targets[:, 0], [np.nan, 2, 3])
    assert found.missing == {"x": 2, "y": 1}
    with pytest.raises(
        ValueError, match=r"a.csv, column y, row 1: the cell is missing or infinite; datamodule.missing=mask"
    ):
        table(PLAIN, "a.csv")


def hours(*of_day: float) -> list[str]:
    return [f"2024-05-{1 + int(hour // 24):02d} {int(hour % 24):02d}:{int(hour * 60 % 60):02d}" for hour in of_day]


def rows(times: list[str], group: str = "a") -> list[str]:
    return [f"{group},{t},{i},{i}" for i, t in enumerate(times)]


def test_gaps_in_dates() -> None:
    csv("a.csv", "g,t,x,y", *rows(hours(0, 1, 2, 5, 6, 7.4)))
    with pytest.raises(ValueError, match=r"a.csv, column t, row 4: 2024-05-01T05:00:00 after 2024-05-01T02:00:00 in a "
                       r"is a gap; datamodule.gaps=reset begins .* \(the step is 3600 s\)"):  # fmt: skip
        table(BASE, "a.csv")
    assert table(BASE._replace(gaps="reset"), "a.csv").series[0].cuts == [3]
    assert table(BASE._replace(gaps="reset"), "a.csv").series[0].pieces() == [(0, 3), (3, 6)]
    assert table(BASE._replace(gaps="ignore"), "a.csv").series[0].cuts == []
    assert table(BASE._replace(gaps="reset", time_step=600.0), "a.csv").series[0].cuts == [1, 2, 3, 4, 5]


def test_each_series_has_a_step_of_its_own_and_goes_on_in_the_next_file() -> None:
    csv("a.csv", "g,t,x,y", *rows(["0", "1", "2"]), *rows(["0", "100", "200"], "b"))
    csv("b.csv", "g,t,x,y", *rows(["300", "400"], "b"), *rows(["4", "5"]))
    found = table(BASE._replace(gaps="reset"), "a.csv", "b.csv")
    assert [(series.name, series.rows, series.cuts) for series in found.series] == [("a", 5, [3]), ("b", 5, [])]
    with pytest.raises(ValueError, match=r"b.csv, column t, row 3: 4 after 2 in a is a gap"):
        table(BASE, "a.csv", "b.csv")


def test_without_groups_each_file_has_its_own_time() -> None:
    for name in ("a.csv", "b.csv"):
        csv(name, "t,x,y", *(f"{t},1,2" for t in range(5)))
    assert [series.rows for series in table(BASE._replace(group=None), "a.csv", "b.csv").series] == [5, 5]


def test_the_step_is_the_median_of_the_first_thousand() -> None:
    steps = [1.0] * 999 + [1.4] * 5000 + [2.0]
    times = np.cumsum([0.0, *steps])
    pq.write_table(pa.table({"g": ["a"] * len(times), "t": times, "x": times, "y": times}), "a.parquet")
    assert table(BASE._replace(gaps="reset"), "a.parquet").series[0].cuts == [6000]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (rows(["0", "1", "1"]), "row 3: 1 after 1 in a is the same time again; datamodule.repeated_times=keep"),
        (rows(["0", "1", "0.5"]), "column t, row 3: 0.5 after 1 in a must go forward"),
        (rows(["0", "1"]) + rows(["3", "2"], "b"), "column t, row 4: 2 after 3 in b must go forward"),
        (rows(hours(1, 0)), "row 2: 2024-05-01T00:00:00 after 2024-05-01T01:00:00 in a|row 2: 2024-05-01 after"),
        (rows(["0", ""]), "column t, row 2: the time is missing"),
        (rows(["0", "1"], ""), "column g, row 1: the group is missing"),
        (["a,0,1,2", "a,1,,2", "a,2,3,"], "column x, row 2: the cell is missing or infinite"),
    ],
)  # fmt: skip
def test_faults_name_file_column_and_row(lines: list[str], message: str) -> None:
    csv("a.csv", "g,t,x,y", *lines)
    with pytest.raises(ValueError, match=rf"^a.csv, .*{message}"):
        table(BASE, "a.csv")
    assert [path.name for path in Path("cache").glob("[!.]*")] == []
    assert [path for path in Path("cache").iterdir() if path.is_dir()] == []


def test_rows_of_several_series_without_a_group() -> None:
    csv("a.csv", "g,t,x,y", *rows(["0", "1"]), *rows(["0", "1"], "b"))
    with pytest.raises(
        ValueError, match=r"row 3: 0 after 1 in a.csv must go forward; .* datamodule\.group=COLUMN tells them apart"
    ):
        table(BASE._replace(group=None), "a.csv")


def test_dates_among_numbers() -> None:
    csv("a.csv", "g,t,x,y", *rows(["0", "1"]))
    csv("b.csv", "g,t,x,y", *rows(hours(5)))
    with pytest.raises(ValueError, match=r"b.csv, column t: holds dates, where the data before has numbers"):
        table(BASE, "a.csv", "b.csv")


def converted() -> list[str]:
    return sorted(path.name for path in Path("cache").iterdir() if path.is_dir())


def test_a_file_is_converted_once_for_each_spec_and_again_when_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    csv("a.csv", "x,y", "1,2", "3,4")
    first = table(PLAIN, "a.csv")
    with monkeypatch.context() as context:
        context.setattr(series_cache, "write_table", None)  # it is not called again
        assert table(PLAIN, "./a.csv").folder == first.folder
    assert table(PLAIN._replace(targets=["x"]), "a.csv").targets[1, 0] == 3
    csv("a.csv", "x,y", "1,2", "3,5")
    os.utime("a.csv", ns=(0, 0))
    assert table(PLAIN, "a.csv").targets[1, 0] == 5
    assert len(converted()) == 3
    shutil.rmtree("cache")
    assert table(PLAIN, "a.csv").targets[1, 0] == 5


def test_a_table_that_somebody_damaged() -> None:
    csv("a.csv", "x,y", "1,2", "3,4")
    found = table(PLAIN, "a.csv")
    os.truncate(found.folder / "inputs.f32", 4)
    (found.folder / "targets.f32").unlink()
    for name in ("inputs", "targets"):
        with pytest.raises(ValueError, match=r"^cache/\w+ is not whole any more .* delete that folder"):
            getattr(found, name)


@pytest.mark.parametrize("text", ["", '{"rows": 2', "{}", "[1]"])
def test_an_index_that_somebody_damaged(text: str) -> None:
    csv("a.csv", "x,y", "1,2", "3,4")
    (table(PLAIN, "a.csv").folder / "index.json").write_text(text)
    with pytest.raises(ValueError, match=r"^cache/\w+ is not whole any more .* delete that folder"):
        table(PLAIN, "a.csv")


def test_what_is_remembered_of_a_table_is_found_again_if_damaged() -> None:
    csv("a.csv", "x,y", "1,2", "3,4")
    found = table(PLAIN, "a.csv")
    assert found.remembered(["mean"], lambda: {"mean": 1}) == found.remembered(["mean"], dict) == {"mean": 1}
    (kept,) = found.folder.glob("*[0-9a-f].json")
    kept.write_text("")
    assert found.remembered(["mean"], lambda: {"mean": 2}) == found.remembered(["mean"], dict) == {"mean": 2}


def test_the_cache_is_the_users_own_unless_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(Path.cwd() / "home"))
    csv("a.csv", "x,y", "1,2")
    folder = series_table([Path("a.csv")], PLAIN).folder
    assert folder.parent == Path.cwd() / "home" / "seqmodels" / "series"


def test_others_may_read_the_table() -> None:
    """As the user's umask says, so that a team may share a cache."""
    csv("a.csv", "x,y", "1,2")
    before = os.umask(0o022)
    try:
        folder = table(PLAIN, "a.csv").folder
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o755
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o644}


@pytest.mark.parametrize("place", ["/proc/none", "/dev/null/none"])
def test_a_cache_that_cannot_be_made(place: str) -> None:
    csv("a.csv", "x,y", "1,2")
    with pytest.raises(OSError, match=rf"cannot be written to {place}: .*; give another folder with datamodule.cache="):
        series_table([Path("a.csv")], PLAIN, Path(place))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_cache_that_cannot_be_written() -> None:
    csv("a.csv", "x,y", "1,2")
    made = table(PLAIN, "a.csv")
    Path("cache").chmod(0o500)
    try:
        assert table(PLAIN, "a.csv").folder == made.folder  # reading needs no more than that
        with pytest.raises(
            OSError, match=r"cannot be written to cache: .*; give another folder with datamodule.cache="
        ):
            table(PLAIN._replace(targets=["x"]), "a.csv")
    finally:
        Path("cache").chmod(0o700)


def test_a_cache_under_a_file() -> None:
    csv("a.csv", "x,y", "1,2")
    Path("cache").touch()
    with pytest.raises(OSError, match=r"cannot be written to cache: .*; give another folder with datamodule.cache="):
        table(PLAIN, "a.csv")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device that is always full stands for it: what is written there fails as on a full disk."""
    csv("a.csv", "x,y", *["1,2"] * 10_000)
    write = series_cache.write_table

    def to_a_full_disk(files: list[Path], spec: TableSpec, folder: Path) -> None:
        (folder / "inputs.f32").symlink_to("/dev/full")
        write(files, spec, folder)

    monkeypatch.setattr(series_cache, "write_table", to_a_full_disk)
    with pytest.raises(OSError, match=r"No space left on device; give another folder with datamodule.cache=FOLDER"):
        table(PLAIN, "a.csv")
    assert converted() == []


def test_a_file_that_changes_while_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    csv("a.csv", "x,y", "1,2")
    write = series_cache.write_table

    def while_it_grows(files: list[Path], spec: TableSpec, folder: Path) -> None:
        write(files, spec, folder)
        csv("a.csv", "x,y", "1,2", "3,4")

    monkeypatch.setattr(series_cache, "write_table", while_it_grows)
    with pytest.raises(ValueError, match=r"a.csv changed while being read"):
        table(PLAIN, "a.csv")
    assert converted() == []


CONVERT = """
import sys
from pathlib import Path
from seqmodels.datamodules.series import table as series_cache
from seqmodels.datamodules.series.spec import TableSpec
from seqmodels.tables.formats import Marks
write = series_cache.write_table
series_cache.write_table = lambda *arguments: (print("converts", flush=True), write(*arguments))
spec = TableSpec(["x"], ["y"], None, None, "error", "error", None, Marks())
table = series_cache.series_table([Path("a.csv")], spec, Path("cache"))
print("sum", int(table.inputs.sum(dtype=float)))
"""


def converting() -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", CONVERT], stdout=subprocess.PIPE, text=True)


def test_processes_at_the_same_time_convert_once() -> None:
    pyarrow.csv.write_csv(pa.table({"x": np.arange(300_000), "y": np.arange(300_000)}), "a.csv")
    outputs = [process.communicate()[0] for process in [converting() for _ in range(3)]]
    assert sorted(line for output in outputs for line in output.split("\n") if line) == [
        "converts",
        *["sum 44999850000"] * 3,
    ]


def test_a_killed_conversion_leaves_nothing_that_is_taken_for_a_table() -> None:
    pyarrow.csv.write_csv(pa.table({"x": np.arange(2_000_000), "y": np.arange(2_000_000)}), "a.csv")
    process = converting()
    while not any(path.stat().st_size for path in Path().glob("cache/.*/inputs.f32")):
        assert process.poll() is None
        time.sleep(0.001)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    (leftover,) = converted()
    assert leftover.startswith(".")
    assert "converts\nsum" in converting().communicate()[0]
    assert [name.startswith(".") for name in converted()] == [False]
