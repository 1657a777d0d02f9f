"""Series as people have them: words for missing values, dates of other forms, times that repeat, short groups."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqmodels.datamodules.series.datamodule import SeriesStream
from tests.conftest import Command
from tests.support.series_layouts import windows

GOOD: dict[str, Any] = {"files": "s.csv", "inputs": "x", "targets": "x", "horizon": 1, "window": 2, "cache": "cache"}


def write(header: str, *rows: str) -> None:
    Path("s.csv").write_text("\n".join([header, *rows]) + "\n")


def made(**options: Any) -> SeriesStream:
    data = SeriesStream(**(GOOD | options))
    data.setup("fit")
    return data


def test_minus_9999_is_asked_for_and_never_trained_on() -> None:
    cells = [str(row) for row in range(40)]
    cells[5], cells[9], cells[11] = "-9999", "---", "OVER"
    write("x", *cells)
    with pytest.raises(ValueError, match=r"row 10: '---' is not a number; .*'datamodule.missing_values=\[\"---\"\]'"):
        made()
    with pytest.raises(ValueError, match=r"column x, row 6: the cell is missing or infinite; datamodule.missing=mask"):
        made(missing_values=[-9999, "---", "OVER"])
    write("x", *cells[:5], "6", "7", "1e300", *cells[12:])
    with pytest.raises(ValueError, match=r"column x, row 8: 1e\+300 does not fit float32.*; datamodule.missing=mask"):
        made()
    write("x", *cells)
    data = made(missing_values=[-9999, "---", "OVER"], missing="mask")
    assert data.facts()["files"]["files"]["missing"] == {"x": 3}
    assert data.statistics is not None
    assert data.statistics.input_mean == [pytest.approx(np.mean([row for row in range(32) if row not in (5, 9, 11)]))]
    assert SeriesStream(**GOOD, missing_values="OVER").marks.missing_values == ("OVER",)


@pytest.mark.parametrize(
    ("times", "options"),
    [
        ([f"{1949 + row // 12}-{row % 12 + 1:02}" for row in range(40)], {}),
        ([f"{1970 + row // 4} Q{row % 4 + 1}" for row in range(40)], {}),
        ([str(np.datetime64("2024-01-15") + row).replace("-", "") + "T000000" for row in range(40)], {}),
        ([str(np.datetime64("2024-01-15") + row).replace("-", "") for row in range(40)], {"time_format": "%Y%m%d"}),
        ([f"{row // 28 + 1}/{row % 28 + 1}/2023" for row in range(28)], {"time_format": "%m/%d/%Y"}),
    ],
)
def test_months_quarters_and_other_dates(times: list[str], options: dict[str, Any]) -> None:
    write("t,x", *(f"{time},{row}" for row, time in enumerate(times)))
    data = made(time="t", **options)
    assert data.facts()["parts"]["train"] > 15


def test_whole_numbers_that_look_like_dates() -> None:
    """Their steps would be 70 at the end of a month, and a series would begin anew there."""
    write("t,x", *(f"{str(np.datetime64('2024-01-15') + row).replace('-', '')},{row}" for row in range(40)))
    with pytest.raises(ValueError, match=r"column t: 20240115 and 20240116 look like dates; .*=%Y%m%d .*=number as"):
        made(time="t", gaps="reset")
    parts = [made(time="t", gaps="reset", time_format=one).facts()["parts"] for one in ("%Y%m%d", "number")]
    assert parts == [{"train": 31, "val": 4, "test": 4}, {"train": 30, "val": 4, "test": 4}]
    write("t,x", *(f"{20240101 + row},{row}" for row in range(40)))  # a counter, as the 32nd tells
    made(time="t")


def test_two_rows_at_one_time() -> None:
    write("t,x", *(f"{row // 2},{row}" for row in range(40)))
    with pytest.raises(
        ValueError, match=r"row 2: 0 after 0 .* same time again; datamodule.repeated_times=keep takes both"
    ):
        made(time="t")
    data = made(time="t", repeated_times="keep", val_fraction=0.0, test_fraction=0.0)
    assert [row for window in windows(data, "train") for row in window.x[window.mask].ravel().tolist()] == list(
        range(39)
    )
    assert made(time="t", repeated_times="keep", gaps="reset").facts()["parts"] == {"train": 31, "val": 4, "test": 4}
    write("t,x", "0,1", "1,2", "0.5,3")
    with pytest.raises(ValueError, match=r"row 3: 0.5 after 1 in s.csv must go forward"):
        made(time="t", repeated_times="keep")


def test_the_hour_that_autumn_repeats() -> None:
    write("t,x", "2024-10-27 02:30,1", "2024-10-27 02:45,2", "2024-10-27 02:00,3", "2024-10-27 02:15,4")
    with pytest.raises(
        ValueError, match=r"row 3: .* must go forward; a clock that is set back in autumn needs its offset"
    ):
        made(time="t")


def test_an_infinite_time() -> None:
    for bad in ("inf", "1e400", "-inf"):
        write("t,x", "0,1", "1,2", f"{bad},3", "2,4")
        with pytest.raises(ValueError, match=r"s.csv, column t, row 3: '-?inf' is not a finite time"):
            made(time="t", gaps="ignore")


def test_short_series_are_counted_or_left_out() -> None:
    """Of 30 groups 27 have 4 rows, too few for validation and test; one of a single row has no step at all."""
    write("g,x", *(f"{group},{row + 100 * group}" for group in range(30) for row in range(40 if group < 3 else 4)))
    data = made(group="g")
    assert data.facts()["series"] == {"train": 30, "val": 3, "test": 3}
    assert "train (of 30 series), 12 val (of 3 series), 12 test (of 3 series)" in data.summary()
    with Path("s.csv").open("a") as file:
        file.write("30,1e6\n")
    with pytest.raises(ValueError, match=r"^30 has 1 rows.*datamodule.short_series=skip leaves such series out"):
        made(group="g")
    skipped = made(group="g", short_series="skip")
    assert skipped.facts()["series"] == data.facts()["series"]
    assert skipped.facts()["parts"] == data.facts()["parts"]
    assert data.statistics is not None
    assert skipped.statistics is not None
    assert skipped.statistics.input_mean == data.statistics.input_mean
    assert skipped.statistics.target_scale == data.statistics.target_scale
    for files in ({"val_files": "v.csv"}, {"test_files": "v.csv"}):
        Path("v.csv").write_text("g,x\na,1\n")
        with pytest.raises(ValueError, match=r"^a with 1 rows leaves no step with horizon=1; .*datamodule.horizon="):
            made(group="g", short_series="skip", **files)


def test_lines_that_are_no_rows() -> None:
    rows = [str(row) for row in range(40)]
    write("x", *rows)
    expected = [window.x.tolist() for window in windows(made(), "train")]
    Path("s.csv").write_text("\n".join(["# logger 7", "Site A", "x", "m", *rows[:20], "# pause", *rows[20:]]))
    data = made(comment="#", skip_rows=1, unit_rows=1)
    assert [window.x.tolist() for window in windows(data, "train")] == expected
    Path("s.csv").write_text("\n".join(rows))
    data = made(header=False, inputs=0, targets=0)
    assert [window.x.tolist() for window in windows(data, "train")] == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"comment": "//"}, r"^comment='//' is not one character"),
        ({"skip_rows": -1}, "^skip_rows=-1 is out of range; give an integer from 0"),
        ({"unit_rows": -1}, "^unit_rows=-1 is out of range; give an integer from 0"),
        ({"missing_values": [True]}, "^missing_values=True is not a number or a text"),
        ({"time_format": "day"}, "^time_format='day' says nothing about a date"),
        ({"time_format": "%Q"}, "^time_format='%Q' says nothing about a date"),
        ({"repeated_times": "first"}, "^repeated_times=first is not known; choose error or keep"),
        ({"short_series": "drop"}, "^short_series=drop is not known; choose error or skip"),
    ],
)
def test_settings_that_cannot_be_meant(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SeriesStream(**(GOOD | options))


def test_trained_and_predicted_from_the_same_kind_of_file(command: Command, invoke: Command) -> None:
    """What the run's config says of its files holds for those to predict, and an infinite time ends no stream."""
    rows = [f"{day:02}.{month:02}.2023;{np.sin(day / 3):.4f}" for month in range(1, 7) for day in range(1, 29)]
    head = ["% by logger 7", "Site A", "t;x", "date;m"]
    Path("train.csv").write_text("\n".join([*head, *rows[:60], "% pause", *rows[60:]]).replace(".", ",") + "\n")
    words = ["datamodule=series", "module=regressor", "datamodule.files=[train.csv]", "datamodule.inputs=[x]"]
    words += ["datamodule.targets=[x]", "datamodule.time=t", "datamodule.horizon=1", "datamodule.window=10"]
    words += [
        "datamodule.delimiter=;",
        "'datamodule.decimal=\",\"'"[1:-1],
        "datamodule.comment=%",
        "datamodule.skip_rows=1",
    ]
    words += ["datamodule.unit_rows=1", "'datamodule.time_format=\"%d,%m,%Y\"'"[1:-1], "datamodule.gaps=ignore"]
    words += ["datamodule.missing_values=[-9999,OVER]", "datamodule.missing=mask", "datamodule.cache=cache"]
    words += ["trainer=cpu", "threads=1", "callbacks=checkpoints", "core.hidden_size=4", "trainer.max_epochs=1"]
    assert command(*words, "hydra.run.dir=run") == 0
    new = ["01,07,2023;OVER", "02,07,2023;1_000", "03,07,2023;٣", "% pause", "04,07,2023;-9999", "05,07,2023;0,5"]
    Path("new.csv").write_text("\n".join([*head, *new, "1e400;0,5", "inf;0,5", "06,07,2023;0,5"]) + "\n")
    assert invoke("predict", "run=run", "input=new.csv", "output=out.csv", "errors=skip", "state=s.state") == 0
    lines = Path("out.csv").read_text().splitlines()[1:]
    assert [line.split(",2023")[0].strip('"') for line in lines] == ["01,07", "04,07", "05,07", "06,07"]
