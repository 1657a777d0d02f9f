"""Series that follow each other inside a window, and the time that lies between their rows."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from seqmodels.datamodules.series.datamodule import SeriesStream
from tests.support.data import same
from tests.support.series_layouts import windows

SHORT = {"files": ["short.csv"], "inputs": ["x"], "targets": ["y"], "group": "g", "window": 8, "cache": "cache"}
TIMES = [0.0, 1.0, 1.5, 4.0, 5.0, 6.0, 6.0, 20.0, 21.0, 22.0]


def made(**options: object) -> SeriesStream:
    data = SeriesStream(**{**SHORT, "val_fraction": 0.0, "test_fraction": 0.2, **options})  # type: ignore[arg-type]
    data.setup("fit")
    return data


def short_series(lengths: list[int], path: str = "short.csv") -> None:
    """Row r of series s holds 100 s + r."""
    rows = [f"g{s},{100 * s + row},{row}" for s, length in enumerate(lengths) for row in range(length)]
    Path(path).write_text("g,x,y\n" + "\n".join(rows) + "\n")


def test_packed_windows_are_full() -> None:
    short_series([5, 3, 7, 4, 9, 2])
    data = made(packed=True, num_streams=2)
    steps = [100 * s + row for s, length in enumerate([5, 3, 7, 4, 9, 2]) for row in range(length - round(length / 5))]
    found = windows(data, "train")
    lanes = [torch.cat([w.x[lane, :, 0][w.mask[lane]] for w in found]).tolist() for lane in range(2)]
    assert lanes[0] + lanes[1] == steps
    assert abs(len(lanes[0]) - len(lanes[1])) <= 1
    assert all(w.mask.all() for w in found[:-1])
    for w in found:
        starts = w.step_reset.clone()
        starts[:, 0] |= w.reset
        before = torch.cat([torch.full((2, 1), -1.0), w.x[:, :-1, 0]], 1)
        jumps = (w.x[..., 0] != before + 1) & w.mask
        assert torch.equal(starts[:, 1:], jumps[:, 1:])
        assert torch.equal(w.series[w.mask], (w.x[..., 0] // 100).long()[w.mask])
    assert not any(w.step_reset[:, 0].any() for w in found)


def test_a_series_that_fills_its_windows_is_the_same_packed() -> None:
    short_series([100])
    plain, packed = (windows(made(packed=one, test_fraction=0.0), "train") for one in (False, True))
    for a, b in zip(plain, packed, strict=True):
        assert not b.step_reset.any()
        assert same(a[:4], b[:4])


def test_windows_longer_than_any_series_want_packing() -> None:
    short_series([5, 6, 5])
    with pytest.raises(ValueError, match=r"^window=8 is longer than what any series .*; with datamodule.packed=true"):
        made()
    assert len(windows(made(packed=True), "train")) == 2
    with pytest.raises(ValueError, match=r"^window=20 is longer than what any lane has to train on; give at most 13,"):
        made(packed=True, window=20)


@pytest.mark.parametrize("dates", [False, True], ids=["numbers", "dates"])
@pytest.mark.parametrize("packed", [False, True])
def test_the_time_between_rows(dates: bool, packed: bool) -> None:
    """In the training's median step, here 1 or 10 minutes; 1 where a series begins."""
    day = np.datetime64("2024-03-01T00:00:00", "s")
    written = [str(day + np.timedelta64(int(600 * time), "s")) if dates else f"{time}" for time in TIMES]
    rows = [f"{time},g{s},{row},0" for s in range(2) for row, time in enumerate(written)]
    Path("short.csv").write_text("t,g,x,y\n" + "\n".join(rows) + "\n")
    options = {"time": "t", "gaps": "dt", "repeated_times": "keep", "window": 5, "packed": packed}
    data = made(**options, test_fraction=0.0)
    assert data.has_dt
    assert data.statistics is not None
    assert data.statistics.time_step == (600 if dates else 1)
    expected = [1.0, *np.diff(TIMES)]
    dt = torch.cat([w.dt[w.mask] for w in windows(data, "train")])
    assert dt.tolist() == [*expected, *expected]
    again = made(**options, test_fraction=0.0, time_step=1200.0 if dates else 2.0)
    halves = torch.cat([w.dt[w.mask] for w in windows(again, "train")])
    starts = torch.tensor([True, *[False] * 9] * 2)
    assert torch.equal(halves, torch.where(starts, dt, dt / 2))


def test_the_time_is_counted_as_in_the_training() -> None:
    """Whatever the steps of another file are."""
    for name, step in (("train", 2), ("test", 6)):
        Path(f"{name}.csv").write_text("t,x,y\n" + "".join(f"{step * row},{row},0\n" for row in range(30)))
    options = {"time": "t", "gaps": "dt", "group": None, "files": "train.csv", "test_files": "test.csv"}
    data = made(**options, test_fraction=0.1)
    data.setup("test")
    (first, *_) = windows(data, "test")
    assert first.dt[0].tolist() == [1.0, *[3.0] * 7]
    saved = data.state_dict()
    fresh = SeriesStream(**{**SHORT, **options, "val_fraction": 0.0})  # type: ignore[arg-type]
    fresh.load_state_dict(saved)
    fresh.setup("test")
    assert all(same(a, b) for a, b in zip(windows(fresh, "test"), windows(data, "test"), strict=True))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gaps": "dt"}, "gaps=dt tells the core how much time lies between rows; give datamodule.time=COLUMN"),
        ({"gaps": "dt", "time": "y", "targets": ["x"], "inputs": ["x"], "horizon": 1}, "no two rows of a series"),
    ],
)
def test_what_has_no_time_is_refused(options: dict[str, object], message: str) -> None:
    Path("short.csv").write_text("g,x,y\n" + "".join(f"a,{row},7\n" for row in range(30)))
    with pytest.raises(ValueError, match=re.escape(message)):
        made(**options, repeated_times="keep")
