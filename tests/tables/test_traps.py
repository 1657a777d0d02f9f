"""What other readers get wrong of files that people have; each was seen with the newest versions of November 2026."""

import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqmodels.datamodules.labelled.ucr import read_ucr
from seqmodels.tables.columns import check_there
from seqmodels.tables.formats import Marks
from seqmodels.tables.numpy_format import column_names, shapes
from seqmodels.tables.paths import expand
from seqmodels.tables.read import blocks


def read(path: Path, *names: str, marks: Marks = Marks()) -> list[list[float]]:  # noqa: B008, it cannot change
    found = list(blocks(path, names, marks=marks))
    return [np.concatenate([block.numbers[name] for block in found]).tolist() for name in names]


def test_fractions_far_behind_whole_numbers() -> None:
    """duckdb tells types by the first 20,480 rows and rounds 0.5 to 1 behind them."""
    Path("a.csv").write_text("a\n" + "1\n" * 300_000 + "0.5\n0.7\n")
    (found,) = read(Path("a.csv"), "a")
    assert found[-3:] == [1, 0.5, 0.7]


def test_twelve_channels_keep_their_order() -> None:
    """sktime sorts them as texts: 0, 1, 10, 11, 2, ..."""
    Path("a.ts").write_text("@classLabel true a\n@data\n" + ":".join(f"{c},{c + 0.5}" for c in range(12)) + ":a\n")
    found = read_ucr(Path("a.ts"))
    assert found.columns == [str(c) for c in range(12)]
    np.testing.assert_array_equal(found.values, [np.arange(12), np.arange(12) + 0.5])


def test_labels_are_kept_as_they_are() -> None:
    """aeon makes capitals small, so that four classes become three, and of banana baNaNa."""
    labels = ["Walk", "walk", "banana", "NaNcy", "1.50", "?!"]
    Path("a.ts").write_text("@classLabel true x\n@data\n" + "".join(f"1,2:{label}\n" for label in labels))
    assert read_ucr(Path("a.ts")).labels == labels


def test_time_stamps_in_a_ts_file_are_refused() -> None:
    """aeon loses minus signs and takes fractions of seconds for values."""
    Path("a.ts").write_text("@timeStamps\ttrue\n@classLabel true a\n@data\n(2024-01-01 00:00:00,-1.5e3):a\n")
    with pytest.raises(ValueError, match=r"^a.ts has time stamps \(@timeStamps true\), which are not supported"):
        read_ucr(Path("a.ts"))


def test_headers_as_the_archives_write_them() -> None:
    """Comments with a per cent sign, tabs and several blanks between a key and its value."""
    text = "%by hand\n# and by 7\n@problemName UnitTest\n@timeStamps\tfalse\n@missing   false\n@classLabel\ttrue 1 2\n"
    Path("a.ts").write_text(text + "% the data\n@data\n1,2:1\n3,4:2\n")
    found = read_ucr(Path("a.ts"))
    assert (found.labels, found.values.ravel().tolist()) == (["1", "2"], [1, 2, 3, 4])


def test_byte_order() -> None:
    """npTDMS and soundfile make 4.6e-41 and 256 of a 1 of the other order."""
    for kind in (">f8", ">f4", ">i2", "<f2"):
        np.save("a.npy", np.array([1, -2, 3], kind))
        assert read(Path("a.npy"), "0") == [[1, -2, 3]]


def test_dates_of_96_bits() -> None:
    """fastparquet's dates are those of 1970 for four readers."""
    times = np.array(["2026-11-27T10:00", "1969-12-31T23:59:59.5"], "M8[ns]")
    pq.write_table(pa.table({"t": times}), "a.parquet", use_deprecated_int96_timestamps=True)
    (block,) = blocks(Path("a.parquet"), times=["t"])
    np.testing.assert_array_equal(block.times["t"], times)


def test_zones_and_units_of_dates() -> None:
    """Others append hours as days, lose zones, or lose nanoseconds in a double."""
    moment = np.datetime64("2024-10-27T00:30:00.000000021", "ns")
    columns = {"zone": pa.array([moment]).cast(pa.timestamp("ns", "Europe/Berlin")), "plain": pa.array([moment])}
    columns |= {unit: pa.array([moment.astype(f"M8[{unit}]")]) for unit in ("us", "ms", "s")}
    pq.write_table(pa.table(columns), "a.parquet")
    (block,) = blocks(Path("a.parquet"), times=list(columns))
    assert {str(block.times[name][0]) for name in ("zone", "plain")} == {"2024-10-27T00:30:00.000000021"}
    assert {str(block.times[name][0])[:19] for name in ("us", "ms", "s")} == {"2024-10-27T00:30:00"}


def test_not_a_number_is_missing_as_null_is() -> None:
    """Rows above 80: one, or three, as NaN counts as large or not."""
    pq.write_table(pa.table({"a": pa.array([90.0, float("nan"), None])}), "a.parquet")
    (found,) = read(Path("a.parquet"), "a")
    assert [value > 80 for value in found] == [True, False, False]
    assert np.isnan(found[1:]).all()


def test_the_repeated_hour() -> None:
    """2:30 comes twice in autumn: with its offset it is two moments, 3,600 s apart; without it, one."""
    Path("a.csv").write_text(
        "t,u\n2024-10-27 02:30:00+02:00,2024-10-27 02:30\n2024-10-27 02:30:00+01:00,2024-10-27 02:30\n"
    )
    (block,) = blocks(Path("a.csv"), times=["t", "u"])
    assert np.diff(block.times["t"]).tolist() == [3600 * 10**9]
    assert np.diff(block.times["u"]).tolist() == [0]


@pytest.mark.parametrize(("time_format", "month"), [("%d/%m/%Y", 2), ("%m/%d/%Y", 1)])
def test_nobody_guesses_whether_the_day_or_the_month_is_first(time_format: str, month: int) -> None:
    """pandas takes the month, polars and duckdb the day."""
    Path("a.csv").write_text("t\n01/02/2024\n")
    with pytest.raises(
        ValueError, match=r"row 1: '01/02/2024' is not a time; .* 'datamodule.time_format=\"%d.%m.%Y %H:%M\"'"
    ):
        list(blocks(Path("a.csv"), times=["t"]))
    (block,) = blocks(Path("a.csv"), times=["t"], marks=Marks(time_format=time_format))
    assert block.times["t"][0].astype(datetime.datetime) is not None
    assert str(block.times["t"][0])[5:7] == f"{month:02}"


def test_a_parquet_with_a_schema_that_is_not_understood() -> None:
    """A column of 128 bit integers, as polars writes it, makes the whole file unreadable; one of bytes does not."""
    schema = pa.schema([pa.field("a", pa.float64()), pa.field("b", pa.binary(16))])
    pq.write_table(pa.table({"a": [1.0], "b": [bytes(16)]}, schema=schema), "a.parquet")
    assert read(Path("a.parquet"), "a") == [[1.0]]
    contents = Path("a.parquet").read_bytes()
    Path("b.parquet").write_bytes(contents[:-40] + b"\xff" * 32 + contents[-8:])
    with pytest.raises(ValueError, match=r"^b.parquet is not a readable Parquet file"):
        read(Path("b.parquet"), "a")


def test_beside_the_signal_a_rate_and_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """And each array is read once, however many of its columns are wanted."""
    signal = np.arange(24.0).reshape(6, 4)
    held = {
        "x": signal,
        "one": signal[:, 0],
        "fs": 250.0,
        "name": "pump",
        "by": np.array([b"S3"]),
        "cube": np.zeros((1, 2, 3)),
    }
    np.savez("a.npz", **held)
    assert column_names(Path("a.npz"), Marks()) == ["x.0", "x.1", "x.2", "x.3", "one", "by"]
    assert shapes(Path("a.npz"))["x"] == ((6, 4), np.dtype(float))
    loaded: list[str] = []
    load = np.lib.npyio.NpzFile.__getitem__
    monkeypatch.setattr(np.lib.npyio.NpzFile, "__getitem__", lambda file, key: (loaded.append(key), load(file, key))[1])
    assert read(Path("a.npz"), "x.3", "x.0", "one") == [
        signal[:, 3].tolist(),
        signal[:, 0].tolist(),
        signal[:, 0].tolist(),
    ]
    assert sorted(loaded) == ["one", "x"]
    np.savez("b.npz", fs=250.0)
    with pytest.raises(ValueError, match=r"^b.npz holds no array of the shape \(rows,\) or \(rows, columns\)"):
        read(Path("b.npz"), "fs")


def test_texts_as_bytes_in_numpy_files() -> None:
    np.save("a.npy", np.array([(b"a", 1), (b"", 2)], [("id", "S3"), ("x", "f4")]))
    (block,) = blocks(Path("a.npy"), ["x"], ["id"])
    assert (block.texts["id"].values, block.texts["id"].codes.tolist()) == (["a"], [0, -1])
    np.save("b.npy", np.array([(250, 1), (500, 2)], [("t", "m8[ms]"), ("x", "f4")]))
    (block,) = blocks(Path("b.npy"), times=["t"])
    assert block.times["t"].tolist() == [0.25, 0.5]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x1f\x8b\n,\xff\n", r"is not UTF-8 \(byte 2\); it is compressed; .* ends in .csv.gz"),
        (b"PAR1\n\xff,1\n,\xff\n", "it is a Parquet file; give it a name that ends in .parquet"),
        (b"PK\x03\x04\n\xff,1,2\n", "it is a zip archive, as those of Excel are; save it as CSV"),
        (b"a,b\n1,2\n1,2,\xff\n", r"is not UTF-8 \(byte 13\); save the file as UTF-8"),
        (b"a,b\n" + b"1,2\n" * 2_000_000 + b"1,2,\xff\n", r"is not UTF-8 \(byte 8000009\)"),
    ],
)
def test_what_is_no_text_is_one_error(content: bytes, message: str, capfd: pytest.CaptureFixture[str]) -> None:
    """pyarrow prints a traceback beside its error where a row of too many cells is not UTF-8."""
    Path("a.csv").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read(Path("a.csv"), "a")
    assert not capfd.readouterr().err


def test_names_of_columns_in_an_error_are_short_and_of_one_line() -> None:
    with pytest.raises(ValueError, match=r"no column 'c'; there is: two\\nlines, b{80}…$"):
        check_there("a.csv", ["c"], ["two\nlines", "b" * 999])


def test_a_module_of_python_is_no_package() -> None:
    with pytest.raises(ValueError, match=r"package:os/a\.csv names os, which is one file of Python") as refused:
        expand(["package:os/a.csv"])
    assert "pip install" not in str(refused.value)
