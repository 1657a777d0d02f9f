"""One meaning of a cell, whoever reads it: training in either of its ways, prediction, and the UCR archives' files."""

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from omegaconf import OmegaConf

from seqmodels.datamodules.labelled.ucr import read_ucr
from seqmodels.predicting.rows.cells import as_number
from seqmodels.predicting.rows.clock import Clock
from seqmodels.predicting.rows.errors import BadRow
from seqmodels.tables.cells import as_numbers, as_texts
from seqmodels.tables.dates import SECOND
from seqmodels.tables.formats import Marks
from seqmodels.tables.read import blocks
from seqmodels.tables.times import as_times

NUMBERS = {
    "1_000": None, "1_0": None, "١٢": None, "１": None, "0x10": None, "1d5": None, "−5": None, "1f": None, "1e": None,
    "---": None, "OVER": None, "#DIV/0!": None, "?": None, "NaT": None, "nan(": None, "nan(a b)": None, "infi": None,
    "++5": None, ".": None, "1,5": None, "1٫5": None, "NONE": None, "1.5.2": None,
    "": math.nan, " ": math.nan, "NA": math.nan, "nan": math.nan, "NAN": math.nan, "-nan": math.nan, "+NaN": math.nan,
    "nan(1)": math.nan, "-nan(ind)": math.nan, "nan()": math.nan, "1.#IND": math.nan, "-1.#IND": math.nan,
    "1.#QNAN": math.nan, "#N/A N/A": math.nan, "null": math.nan, "<NA>": math.nan, "None": math.nan,
    "1e400": math.inf, "-1e400": -math.inf, "inf": math.inf, "+Infinity": math.inf, "9" * 400: math.inf,
    "1e-400": 0.0, ".5": 0.5, "5.": 5.0, "+5": 5.0, "1E+5": 1e5, " 7 ": 7.0, "\u00a07": 7.0, "\u30007": 7.0,
    "true": 1.0, "FALSE": 0.0, "0.1000000000000000055511151231257827": 0.1, "-0": -0.0, "007": 7.0,
}  # fmt: skip
"""Cells, and the numbers they are; None for no number."""


def outcome(read: Any) -> Any:
    """A value, or None where it is refused with a message of ours."""
    try:
        return float(read())
    except (BadRow, ValueError):
        return None


def readings(cell: str, marks: Marks) -> dict[str, Any]:
    """What each of the readers makes of a cell."""
    quoted = cell.replace('"', '""')
    Path("a.csv").write_text(f'a{marks.delimiter}b\n"{quoted}"{marks.delimiter}1\n')
    Path("b.csv").write_text(f'a{marks.delimiter}b\n"{quoted}"{marks.delimiter}1\ntrue{marks.delimiter}1\n')
    return {
        "texts": outcome(lambda: as_numbers(pa.array([cell]), marks)[0]),
        "CSV": outcome(lambda: next(blocks(Path("a.csv"), ["a"], marks=marks)).numbers["a"][0]),
        "CSV with truth values": outcome(lambda: next(blocks(Path("b.csv"), ["a"], marks=marks)).numbers["a"][0]),
        "a row to predict": outcome(lambda: as_number(cell, marks)),
    }


@pytest.mark.parametrize("cell", NUMBERS)
def test_every_reader_gives_a_cell_the_same_meaning(cell: str) -> None:
    for reader, found in readings(cell, Marks()).items():
        assert repr(found) == repr(NUMBERS[cell]), reader


def test_readers_agree_on_cells_of_any_characters() -> None:
    """Law: whatever stands in a cell, and however decimals are written, training and prediction read the same."""
    for alphabet, length in (("1.e-", 5), ("n(aN_1)", 4), ("+i nf", 4), ("1,._٣ ", 3), ("1#.IN", 3)):
        cells = ["".join(letters) for letters in itertools.product(alphabet, repeat=length)]
        cells += ["nan" + cell for cell in cells[:200]] + ["1.#" + cell for cell in cells[:100]]
        for marks in (Marks(), Marks(";", ",")):
            predicted = [outcome(lambda cell=cell, marks=marks: as_number(cell, marks)) for cell in cells]
            good = [cell for cell, found in zip(cells, predicted, strict=True) if found is not None]
            trained = as_numbers(pa.array(good), marks)
            np.testing.assert_array_equal(trained, [found for found in predicted if found is not None])
            for cell in set(cells) - set(good):
                assert outcome(lambda cell=cell, marks=marks: as_numbers(pa.array([cell]), marks)[0]) is None, cell


@pytest.mark.parametrize("cell", [cell for cell in NUMBERS if cell.strip() and "," not in cell])
def test_ucr_files_too(cell: str) -> None:
    if cell == "?":
        return  # is how these files write what is missing
    Path("a.ts").write_text(f"@classLabel true a\n@data\n1,{cell},1:a\n")
    assert repr(outcome(lambda: read_ucr(Path("a.ts")).values[1, 0])) == repr(NUMBERS[cell])


def test_missing_values_are_missing_however_they_are_written() -> None:
    marks = Marks(missing_values=(-9999, "---", "OVER", -99.9))
    for cell in ("-9999", "-9999.0", "-9.999e3", " ---", "OVER", "-99.9", "NA"):
        assert set(map(repr, readings(cell, marks).values())) == {"nan"}, cell
    for cell, expected in (("9999", 9999.0), ("-9998", -9998.0), ("over", None)):
        assert set(readings(cell, marks).values()) == {expected}, cell
    assert math.isnan(as_number(-9999, marks))
    comma = Marks(";", ",", ("-99,5", -1.5))
    for cell in ("-99,5", "-99,50", "-1,5"):
        assert set(map(repr, readings(cell, comma).values())) == {"nan"}, cell


def test_missing_values_of_columns_that_are_numbers() -> None:
    """A float32 holds another -99.9 than a double does."""
    columns = {"half": np.float16, "single": np.float32, "double": np.float64, "whole": np.int32}
    pq.write_table(pa.table({name: np.array([-99.9, 1, -9999], kind) for name, kind in columns.items()}), "a.parquet")
    marks = Marks(missing_values=(-99.9, -9999))
    (block,) = blocks(Path("a.parquet"), list(columns), marks=marks)
    for name in columns:
        np.testing.assert_array_equal(np.isnan(block.numbers[name]), [name != "whole", False, True])


TIMES = {
    "1949-01": "1949-01-01", "1970 Q1": "1970-01-01", "1970Q4": "1970-10-01", "1999-q3": "1999-07-01",
    "20240101T000000": "2024-01-01", "20240102T030405.25Z": "2024-01-02T03:04:05.25",
    "20240102T0304": "2024-01-02T03:04",
    "2024-01-01": "2024-01-01", "2024-01-01T05": "2024-01-01T05", "2024-01-01 05:06+01": "2024-01-01T04:06",
    "2024-01-01T05:06:07.123456789Z": "2024-01-01T05:06:07.123456789",
    "2024-01-01 05:06:07 +01:00": "2024-01-01T04:06:07", "2024-01-01T05:06:07-0130": "2024-01-01T06:36:07",
    "1678-01-01": "1678-01-01",
    "2024-W05-3": None, "2024-001": None, "2024-1-1": None, "2024-01-01T24:00:00": None, "2024-13-01": None,
    "2024-01-01T05:06:07,5": None, "01/02/2024": None, "1991 Jul": None, "1970 Q5": None, "0001-01-01": None,
    "3000-01-01": None, "1_0": None, "١": None, "2024-01-01٣": None, "20240101T00:00": None, "now": None,
    "20240131": 20240131, "1.5": 1.5, "1e3": 1000.0, "-7": -7, "1e400": None, "inf": None, "true": None,
}  # fmt: skip
"""Cells, and the times they are; None for no time."""


def predicted(cell: Any, marks: Marks = Marks()) -> Any:  # noqa: B008, it cannot change
    clock = Clock(OmegaConf.create({}), marks)
    try:
        found = clock.read(cell)
    except BadRow:
        return None
    return np.datetime64(int(found), "ns") if clock.dates else found


def trained(cell: Any, marks: Marks = Marks()) -> Any:  # noqa: B008, it cannot change
    try:
        return as_times(pa.array([cell]), marks)[0]
    except ValueError:
        return None


@pytest.mark.parametrize("cell", TIMES)
def test_training_and_prediction_read_the_same_time(cell: str) -> None:
    expected = TIMES[cell]
    time = np.datetime64(expected, "ns") if isinstance(expected, str) else expected
    assert (predicted(cell), trained(cell)) == (time, time)


@pytest.mark.parametrize(
    ("time_format", "cell", "expected"),
    [
        ("%Y%m%d", "20240131", "2024-01-31"),
        ("%Y%m%d", 20240131, "2024-01-31"),
        ("%d.%m.%Y %H:%M", "31.01.2024 13:30", "2024-01-31T13:30"),
        ("%m/%d/%Y", "01/02/2024", "2024-01-02"),
        ("%d/%m/%Y", "01/02/2024", "2024-02-01"),
        ("%Y %b", "1991 Jul", "1991-07-01"),
        ("%Y-%m-%d %H:%M:%S.%f%z", "2024-01-01 05:06:07.5+0100", "2024-01-01T04:06:07.5"),
        ("%d.%m.%Y", "2024-01-31", None),
        ("%d.%m.%Y", "7", None),
    ],
)
def test_dates_of_other_forms(time_format: str, cell: Any, expected: str | None) -> None:
    marks = Marks(time_format=time_format)
    time = None if expected is None else np.datetime64(expected, "ns")
    assert (predicted(cell, marks), trained(cell, marks)) == (time, time)


def test_durations_and_times_of_day_are_seconds() -> None:
    from datetime import time, timedelta

    durations = [timedelta(seconds=1.5), timedelta(days=1)]
    assert as_times(pa.array(durations)).tolist() == [1.5, 86400]
    assert as_times(pa.array([time(0, 0, 1), time(1, 0)])).tolist() == [1, 3600]
    assert as_times(pa.array(np.array([250, 500], "m8[ms]"))).tolist() == [0.25, 0.5]
    assert SECOND == 1_000_000_000


def test_a_message_shows_the_beginning_of_a_long_cell() -> None:
    for read in (as_number, lambda cell: as_numbers(pa.array([cell])), lambda cell: as_times(pa.array([cell]))):
        with pytest.raises(ValueError, match=r"^'a{80}'… \(3,000,000 characters\) is not a ") as refused:
            read("a" * 3_000_000)
        assert len(str(refused.value)) < 400
    with pytest.raises(ValueError, match=r"^'\\x00' is not a number$"):  # which nobody can type
        as_number("\0")


def test_names_from_parquet_are_those_of_other_files() -> None:
    """Bytes, dictionaries, and whole numbers that a hole made floats."""
    for column in (
        pa.array([b"7", None, b"12"]),
        pa.array([b"7", None, b"12"]).dictionary_encode(),
        pa.array([7.0, None, 12.0]),
        pa.array([7.0, math.nan, 12.0]),
        pa.array(["7", "", "12"]),
        pa.array([7, None, 12]),
    ):
        found = as_texts(column)
        assert ([*found.values], found.codes.tolist()) == (["7", "12"], [0, -1, 1])
    assert as_numbers(pa.array([b"1.5", b" NA"])).tolist()[0] == 1.5
    with pytest.raises(TypeError, match="holds bytes that are not UTF-8"):
        as_texts(pa.array([b"\xff"]))
