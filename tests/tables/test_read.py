"""Tables in pieces: every kind of file gives the same cells, and every fault is named by file, column and row."""

import decimal
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqmodels.tables import csv_format, numpy_format, parquet_format
from seqmodels.tables.formats import Marks, formats
from seqmodels.tables.paths import expand
from seqmodels.tables.read import Block, blocks

DEFAULT = Marks()

LONG = 200_000
"""Rows that fill several blocks of every kind of file."""


def column_names(path: Path, delimiter: str = ",") -> list[str]:
    return formats()[path.suffix].column_names(path, Marks(delimiter))


def csv(text: str, name: str = "a.csv") -> Path:
    Path(name).write_bytes(text.encode())
    return Path(name)


def read(path: Path, *numbers: str, marks: Marks = DEFAULT) -> dict[str, np.ndarray]:
    """Whole columns of numbers."""
    found = list(blocks(path, numbers, marks=marks))
    return {name: np.concatenate([block.numbers[name] for block in found]) for name in numbers}


def texts(found: list[Block], name: str) -> list[str | None]:
    return [
        block.texts[name].values[code] if code >= 0 else None for block in found for code in block.texts[name].codes
    ]


@pytest.fixture
def long(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """(LONG, 3) numbers, and CSV blocks small enough that they fill many."""
    monkeypatch.setattr(csv_format, "BLOCK", 2**18)
    return np.random.default_rng(0).normal(size=(LONG, 3)).round(4)


def written(kind: str, array: np.ndarray) -> tuple[Path, list[str]]:
    """The array as a file of this kind, and the names that its columns have there."""
    path, names = Path(f"a.{kind}"), ["x", "y y", "z"]
    if kind == "csv":
        lines = "\n".join(",".join(map(str, row)) for row in array.tolist())
        csv(f"x,y y,z\n{lines}\n")
    elif kind == "parquet":
        pq.write_table(pa.table(dict(zip(names, array.T, strict=True))), path)
    elif kind == "npy":
        np.save(path, array)
        names = ["0", "1", "2"]
    else:
        np.savez(path, signal=array)
        names = ["signal.0", "signal.1", "signal.2"]
    return path, names


@pytest.mark.parametrize("kind", ["csv", "parquet", "npy", "npz"])
def test_every_kind_of_file_gives_the_same_numbers(kind: str, long: np.ndarray) -> None:
    path, names = written(kind, long)
    assert column_names(path) == names
    found = list(blocks(path, [names[2], names[0]]))
    assert len(found) > 2
    assert [block.first for block in found] == [1 + sum(b.rows for b in found[:i]) for i in range(len(found))]
    columns = [np.concatenate([block.numbers[name] for block in found]) for name in (names[2], names[0])]
    np.testing.assert_array_equal(np.stack(columns, 1), long[:, [2, 0]])


def test_cells_that_are_missing() -> None:
    values = read(csv("a,b\n1,\nNA,2\nnan,null\n inf ,NaN\n,+3e2\n"), "a", "b")
    np.testing.assert_array_equal(values["a"], [1, np.nan, np.nan, np.inf, np.nan])
    np.testing.assert_array_equal(values["b"], [np.nan, 2, np.nan, np.nan, 300])


def test_a_csv_as_people_write_them() -> None:
    text = '\ufeffday;"wind; speed";on;unit\r\n1;"2,5";true;"k\nW"\r\n\r\n2;-0,5;FALSE;"say ""hi"""\r\n'
    path = csv(text)
    assert column_names(path, ";") == ["day", "wind; speed", "on", "unit"]
    (block,) = blocks(path, ["wind; speed", "on"], ["unit", "on"], marks=Marks(";", ","))
    np.testing.assert_array_equal(block.numbers["wind; speed"], [2.5, -0.5])
    np.testing.assert_array_equal(block.numbers["on"], [1, 0])
    assert texts([block], "unit") == ["k\nW", 'say "hi"']
    assert texts([block], "on") == ["true", "FALSE"]


def test_decimal_commas_in_numbers_and_times() -> None:
    """1.234 means a thousand there, so that a point is refused."""
    path = csv("t;u;a\n0,5;2024-05-01 10:00:00.5;1,25\n1;2024-05-01 10:00:01.5;-,5\n")
    (block,) = blocks(path, ["a"], times=["t", "u"], marks=Marks(";", ","))
    assert block.numbers["a"].tolist() == [1.25, -0.5]
    assert block.times["t"].tolist() == [0.5, 1]
    assert block.times["u"].dtype.kind == "M"
    with pytest.raises(ValueError, match=r"column a, row 2: '1\.234' is not a number$"):
        list(blocks(csv("a;b\n1;2\n1.234;2\n"), ["a"], marks=Marks(";", ",")))


def test_booleans_among_numbers_too(long: np.ndarray) -> None:
    """From there on the file is read in the slower way, and no row twice."""
    rows = [str(value) for value in long[:, 0].tolist()]
    rows[150_000] = "True"
    expected = long[:, 0].copy()
    expected[150_000] = 1
    np.testing.assert_array_equal(read(csv("a\n" + "\n".join(rows)), "a")["a"], expected)


def test_quoted_line_breaks_at_the_borders_of_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_format, "BLOCK", 64)
    for shift in range(64):
        path = csv("a,note\n" + "1," + "x" * shift + "\n" + '2,"line\n3,4"\n' * 5 + "5,z\n")
        np.testing.assert_array_equal(read(path, "a")["a"], [1, 2, 2, 2, 2, 2, 5])


def test_parquet_types() -> None:
    columns = {
        "int": pa.array([1, None, 2**60], pa.int64()),
        "bool": pa.array([True, None, False]),
        "decimal": pa.array([decimal.Decimal("1.25"), None, decimal.Decimal("-3.50")]),
        "half": pa.array(np.array([1.5, 2.5, np.nan], np.float16)),
        "text": pa.array(["4", "", " 5.5"]),
        "coded": pa.array(["7", "8", "7"]).dictionary_encode(),
        "nothing": pa.array([None, None, None]),
    }
    pq.write_table(pa.table(columns), "a.pq")
    values = read(Path("a.pq"), *columns)
    expected = {
        "int": [1, np.nan, 2.0**60], "bool": [1, np.nan, 0],
        "decimal": [1.25, np.nan, -3.5], "half": [1.5, 2.5, np.nan],
        "text": [4, np.nan, 5.5], "coded": [7, 8, 7], "nothing": [np.nan] * 3,
    }  # fmt: skip
    for name in columns:
        np.testing.assert_array_equal(values[name], expected[name], err_msg=name)
    assert texts(list(blocks(Path("a.pq"), texts=["int", "coded"])), "int") == ["1", None, str(2**60)]


def test_one_row_group_is_read_in_pieces() -> None:
    array = np.random.default_rng(0).normal(size=LONG)
    pq.write_table(pa.table({"a": array}), "a.parquet", row_group_size=LONG)
    assert pq.ParquetFile("a.parquet").num_row_groups == 1
    sizes = [block.rows for block in blocks(Path("a.parquet"), ["a"])]
    assert max(sizes) <= parquet_format.ROWS
    np.testing.assert_array_equal(read(Path("a.parquet"), "a")["a"], array)


def test_structured_and_other_arrays() -> None:
    array = np.array([(1, 2.5, "north"), (3, -1.0, "")], dtype=[("n", ">i4"), ("x", "f4"), ("where", "U5")])
    np.save("s.npy", array)
    (block,) = blocks(Path("s.npy"), ["x", "n"], ["where"])
    np.testing.assert_array_equal(block.numbers["n"], [1, 3])
    np.testing.assert_array_equal(block.numbers["x"], [2.5, -1])
    assert texts([block], "where") == ["north", None]
    np.save("f.npy", np.asfortranarray(np.arange(6, dtype=np.longdouble).reshape(3, 2)))
    np.testing.assert_array_equal(read(Path("f.npy"), "1")["1"], [1, 3, 5])
    np.savez("z.npz", one=np.arange(3), two=np.ones((3, 2), bool))
    assert column_names(Path("z.npz")) == ["one", "two.0", "two.1"]


@pytest.mark.parametrize("cells", ["a,b\n7,x\n8,y\n", "a\n7\n8\n"])
def test_times_as_numbers(cells: str) -> None:
    (block,) = blocks(csv(cells), ["a"], times=["a"])
    assert block.times["a"].dtype == np.int64
    np.testing.assert_array_equal(block.times["a"], [7, 8])
    np.testing.assert_array_equal(block.numbers["a"], [7, 8])


def test_times_as_dates() -> None:
    path = csv("t,z,f\n2024-05-01,2024-05-01T12:00+02:00,0.5\n2024-05-01 10:30:00.25,2024-05-01T10:00Z,\n")
    (block,) = blocks(path, times=["t", "z", "f"])
    expected = np.array(["2024-05-01", "2024-05-01T10:30:00.25"], "datetime64[ns]")
    np.testing.assert_array_equal(block.times["t"], expected)
    assert block.times["z"].tolist() == [block.times["z"][0].astype(int)] * 2
    np.testing.assert_array_equal(block.times["f"], [0.5, np.nan])
    moments = {
        "d": pa.array([date(2024, 5, 1), None]),
        "s": pa.array([datetime(2024, 5, 1, 10), datetime(2024, 5, 1, 11)], pa.timestamp("ms")),
        "utc": pa.array([datetime(2024, 5, 1, 10, tzinfo=UTC)] * 2, pa.timestamp("us", "Europe/Berlin")),
    }
    pq.write_table(pa.table(moments), "t.parquet")
    (block,) = blocks(Path("t.parquet"), times=["d", "s", "utc"])
    np.testing.assert_array_equal(block.times["d"], np.array(["2024-05-01", "NaT"], "datetime64[ns]"))
    np.testing.assert_array_equal(block.times["s"], np.array(["2024-05-01T10", "2024-05-01T11"], "datetime64[ns]"))
    np.testing.assert_array_equal(block.times["utc"], np.array(["2024-05-01T10"] * 2, "datetime64[ns]"))


CSV_FAULTS = {
    "no number": ("a,b\n1,2\n3,four\n", r"a.csv, column b, row 2: 'four' is not a number; if that means"),
    "decimal comma": ("a,b\n1,2\n3,\"4,5\"\n", r"row 2: '4,5' is not a number; .* give 'datamodule\.decimal=\",\"'"),
    "no such column": ("a,bb\n1,2\n", r"a.csv has no column 'b', did you mean 'bb'\?; there is: a, bb$"),
    "another delimiter": ("a;b\n1;2\n", r"has no column 'a'.*; its header .* needed 'datamodule\.delimiter=\";\"'"),
    "tabs": ("a\tb\n1\t2\n", r"its header .* needed \$'datamodule\.delimiter=\"\\t\"'$"),
    "a column twice": ("a,b,b\n1,2,3\n", r"a.csv has 2 columns named 'b'; names must differ"),
    "too few cells": ("a,b\n1,2\n3\n", r"a.csv, row 2: 1 cells where the header has 2: 3; a cell that holds a ','"),
    "too many cells": ("a,b\n1,2\n3,4,5\n", r"a.csv, row 2: 3 cells where the header has 2: 3,4,5"),
    "empty": ("", r"a.csv holds no rows; expected a header and at least one row"),
    "a header alone": ("a,b\n", r"a.csv holds no rows"),
    "a header alone, unended": ("a,b", r"a.csv holds no rows"),
}  # fmt: skip


@pytest.mark.parametrize("fault", CSV_FAULTS)
def test_faults_of_a_csv(fault: str) -> None:
    text, message = CSV_FAULTS[fault]
    with pytest.raises(ValueError, match=message):
        list(blocks(csv(text), ["a", "b"]))


@pytest.mark.parametrize("row", [1, 70_000, LONG])
def test_the_row_of_a_fault_in_a_long_file(row: int, long: np.ndarray) -> None:
    lines = [f"{x},{y}" for x, y, _ in long.tolist()]
    faulty = [*lines[: row - 1], "1,oops", *lines[row:]]
    with pytest.raises(ValueError, match=rf"a.csv, column b, row {row}: 'oops' is not a number"):
        read(csv("a,b\n" + "\n".join(faulty)), "b")
    ragged = [*lines[: row - 1], "1,2,3", *lines[row:]]
    with pytest.raises(ValueError, match=rf"a.csv, row {row}: 3 cells"):
        read(csv("a,b\n" + "\n".join(ragged)), "b")


def test_a_csv_that_is_not_utf8() -> None:
    Path("a.csv").write_bytes("a,b\n1,Ü\n".encode("latin-1"))
    assert read(Path("a.csv"), "a")["a"].tolist() == [1]
    with pytest.raises(ValueError, match=r"a.csv is not UTF-8 \(byte 7\); save the file as UTF-8"):
        list(blocks(Path("a.csv"), texts=["b"]))
    Path("a.csv").write_bytes("a,Ü\n1,2\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"a.csv: the header is not UTF-8"):
        list(blocks(Path("a.csv"), ["a"]))


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ("t\n1\n2\nx\n", "column t, row 3: 'x' is not a number like those above it"),
        ("t\n2024-01-01\n2024-01-02\n2024-13-01\n", "column t, row 3: '2024-13-01' is not a time like those above it"),
        ("t\n1/2/24\n2/2/24\n", "column t, row 1: '1/2/24' is not a time; give numbers, or dates in ISO 8601"),
    ],
)
def test_faults_of_times(cells: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list(blocks(csv(cells), times=["t"]))


def test_faults_of_parquet() -> None:
    table = pa.table({"a": np.random.default_rng(0).normal(size=LONG), "d": [date(2024, 1, 1)] * LONG})
    table = table.append_column("l", pa.array([[1.0]] * LONG)).append_column("s", pa.array(["1"] * (LONG - 1) + ["q"]))
    pq.write_table(table, "a.parquet")
    pq.write_table(pa.table({"t": [datetime(1500, 1, 1)]}), "old.parquet")
    with pytest.raises(ValueError, match=r"old.parquet, column t: holds dates outside of the years 1678 to 2261"):
        list(blocks(Path("old.parquet"), times=["t"]))
    with pytest.raises(ValueError, match=r"a.parquet, column l: holds list.* not texts"):
        list(blocks(Path("a.parquet"), texts=["l"]))
    for column, message in [("d", "column d: holds date32.* not numbers"), ("l", "column l: holds list.* not numbers")]:
        with pytest.raises(ValueError, match=rf"a.parquet, {message}"):
            read(Path("a.parquet"), column)
    with pytest.raises(ValueError, match=rf"a.parquet, column s, row {LONG}: 'q' is not a number"):
        read(Path("a.parquet"), "s")
    contents = Path("a.parquet").read_bytes()
    Path("cut.parquet").write_bytes(contents[: len(contents) // 2])
    with pytest.raises(ValueError, match=r"cut.parquet is not a readable Parquet file"):
        read(Path("cut.parquet"), "a")
    Path("holes.parquet").write_bytes(contents[:200_000] + b"\xff" * 200_000 + contents[400_000:])
    with pytest.raises(ValueError, match=r"holes.parquet is damaged behind row \d+"):
        read(Path("holes.parquet"), "a")
    pq.write_table(table.slice(0, 0), "none.parquet")
    with pytest.raises(ValueError, match=r"none.parquet holds no rows"):
        read(Path("none.parquet"), "a")


def test_fields_that_are_arrays_themselves() -> None:
    cells = np.zeros(3, [("p", "f4", (2,)), ("q", [("r", "i4")])])
    cells["p"], cells["q"]["r"] = [[1, 2], [3, 4], [5, 6]], [7, 8, 9]
    np.save("a.npy", cells)
    assert column_names(Path("a.npy")) == ["p.0", "p.1", "q.r"]
    found = read(Path("a.npy"), "p.1", "q.r")
    assert (found["p.1"].tolist(), found["q.r"].tolist()) == ([2, 4, 6], [7, 8, 9])


def test_faults_of_numpy_files() -> None:
    np.save("cube.npy", np.zeros((2, 3, 4)))
    np.save("complex.npy", np.zeros(3, complex))
    np.save("none.npy", np.zeros((0, 2)))
    np.save("pickle.npy", np.array([{}]), allow_pickle=True)
    Path("text.npy").write_text("1 2 3")
    np.savez("uneven.npz", a=np.zeros(3), b=np.zeros(4))
    for name, column, message in [
        ("cube.npy", "0", r"the shape \(2, 3, 4\); expected \(rows,\) or \(rows, columns\)"),
        ("complex.npy", "0", "column 0: holds complex128, neither numbers, texts nor times"),
        ("none.npy", "0", "holds no rows"),
        ("none.npy", "x", "no column 'x'; there is: 0, 1"),
        ("pickle.npy", "0", "is not a readable NumPy file: .*Python objects"),
        ("text.npy", "0", "is not a readable NumPy file"),
    ]:
        with pytest.raises(ValueError, match=f"{name}.*{message}"):
            read(Path(name), column)
    with pytest.raises(ValueError, match=r"uneven.npz: the columns differ in length \(a 3, b 4 rows\)"):
        read(Path("uneven.npz"), "a", "b")
    assert numpy_format.ROWS < LONG


def test_of_an_npz_only_what_is_wanted_is_read() -> None:
    parts = {"a": np.arange(3.0), "a.b": np.arange(4.0), "c": np.arange(6.0).reshape(3, 2), "damaged": np.arange(900)}
    np.savez_compressed("parts.npz", **parts)
    contents = bytearray(Path("parts.npz").read_bytes())
    with zipfile.ZipFile("parts.npz") as file:
        begin = file.getinfo("damaged.npy").header_offset
    contents[begin + 100 : begin + 200] = bytes(100)
    Path("parts.npz").write_bytes(contents)
    (block,) = numpy_format.batches(Path("parts.npz"), ["c.1", "a"], [], Marks())
    assert {name: column.to_pylist() for name, column in block.items()} == {"c.1": [1, 3, 5], "a": [0, 1, 2]}
    (block,) = numpy_format.batches(Path("parts.npz"), ["a.b"], [], Marks())
    assert len(block["a.b"]) == 4
    with pytest.raises(ValueError, match=r"^parts.npz is not a readable NumPy file: Error -3 while decompressing"):
        read(Path("parts.npz"), "a")


def test_patterns(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("data/deep").mkdir(parents=True)
    for name in ("b.csv", "a.csv", "deep/c.csv", "odd[1].npy"):
        Path("data", name).touch()
    monkeypatch.setenv("HOME", str(Path.cwd()))
    names = [path.name for path in expand(["data/deep/*.csv", "data/**/*.csv", "data/odd[1].npy", "./data/a.csv"])]
    assert names == ["c.csv", "a.csv", "b.csv", "odd[1].npy"]
    assert expand(["~/data/a.csv"]) == [Path.cwd() / "data" / "a.csv"]
    (co2,) = expand(["package:statsmodels/datasets/co2/co2.csv"])
    assert column_names(co2) == ["date", "co2"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("none/*.csv", r"^none/\*.csv matches no file in .*; give a path, or a glob"),
        ("none.csv", "^none.csv matches no file"),
        ("folder", r"^folder is a folder; name the files in it, such as folder/\*.csv"),
        ("a.txt", "^a.txt is of no known kind; files of numbers end in .csv, .csv.gz, .npy, .npz, .parquet, .pq"),
        ("package:no_such_thing/a.csv", "needs the Python package no_such_thing, .*; pip install no_such_thing"),
        ("package:statsmodels", "does not name a file of a package; write package:NAME/PATH"),
        ("package:statsmodels/none.csv", "matches no file"),
    ],
)
def test_patterns_that_mean_nothing(pattern: str, message: str) -> None:
    Path("folder").mkdir()
    Path("a.txt").touch()
    with pytest.raises((ValueError, OSError), match=message):
        expand([pattern])
