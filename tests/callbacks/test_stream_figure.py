"""The figures of a stream: everything at its own time, what is drawn where nothing is known, and of which magnitude."""

import csv
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seqmodels.callbacks.figures.animation import FitAnimation, draw_frame
from seqmodels.callbacks.figures.curves import Curves, plot_curves
from seqmodels.callbacks.figures.pieces import Piece, first_stream, piece
from seqmodels.callbacks.figures.stream import StreamFigure
from seqmodels.datamodules.window import Window
from seqmodels.runs.run import build, compose
from tests.support.attempts import SINE

TIME = torch.arange(20.0)
EVERYTHING = torch.ones(1, 20, dtype=torch.bool)


def wave(scale: float = 1.0, offset: float = 0.0) -> Piece:
    """Window of one stream whose input is cos, scaled, and whose target sin; the last five steps are padding."""
    x = (offset + scale * TIME.cos())[None, :, None]
    y = TIME.sin()[None, :, None].clone()
    y[:, 15:] = torch.nan
    window = Window(x, y, torch.zeros(1, dtype=torch.bool), EVERYTHING)
    return piece(window, y.nan_to_num(7.0) + 0.1, EVERYTHING, streams=1)


def axes() -> Axes:
    return Figure().subplots()


def legend(drawn: Axes) -> list[str]:
    found = drawn.get_legend()
    assert found is not None
    return [text.get_text() for text in found.get_texts()]


def test_nothing_is_drawn_where_there_is_no_target() -> None:
    drawn = axes()
    plot_curves(drawn, first_stream([wave(), wave()], 100, 0, ["x", "y"]))
    assert len(drawn.lines) == 3
    assert len(drawn.collections) == 1  # the borders
    for line in drawn.lines[:3]:
        time, values = (torch.as_tensor(data) for data in line.get_data())
        assert time.tolist() == list(range(100, 140))
        assert values.isnan().nonzero().flatten().tolist() == [*range(15, 20), *range(35, 40)]


@pytest.mark.parametrize(("scale", "offset", "sides"), [(1, 0, 1), (2, 0.5, 1), (1, 300, 2), (50, 0, 2), (0.01, 0, 2)])
def test_an_input_of_another_magnitude_has_its_own_axis(scale: float, offset: float, sides: int) -> None:
    drawn = axes()
    plot_curves(drawn, first_stream([wave(scale, offset)], 0, 0, ["rpm", "heat"]))
    assert len(drawn.figure.axes) == sides
    assert legend(drawn) == ["input rpm", "target heat", "prediction"]
    low, high = drawn.get_ylim()
    assert (-1.5 < low < -0.9 and 0.9 < high < 1.5) if sides == 2 else low < -0.9
    assert drawn.get_ylabel() == "heat"


@pytest.mark.parametrize("horizon", [0, 3])
@pytest.mark.parametrize(
    ("counts", "spans"), [("1111", []), ("0011", [(10, 11)]), ("1011", [(11, 11)]), ("1110", [(13, 13)])]
)
def test_what_does_not_count_lies_on_grey_at_the_time_of_its_target(
    counts: str, spans: list[tuple[float, float]], horizon: int
) -> None:
    drawn, steps = axes(), np.arange(4.0)
    counted = np.array([sign == "1" for sign in counts])
    times = np.arange(10, 14 + horizon)
    plot_curves(drawn, Curves(times, "step", steps[:, None], steps, steps, None, counted, horizon, ["x", "y"], []))
    boxes = [patch.get_extents().transformed(drawn.transData.inverted()) for patch in drawn.patches]
    assert [(round(box.x0, 6), round(box.x1, 6)) for box in boxes] == [(a + horizon, b + horizon) for a, b in spans]
    assert ("not counted" in legend(drawn)) == bool(spans)


def test_marks_and_the_steps_that_count_are_shown() -> None:
    """As in the adding problem: which values are to be added, and the one step whose prediction counts."""
    x, y = torch.rand(1, 20, 2), torch.rand(1, 20, 1)
    x[..., 1] = 0
    x[0, [4, 13], 1] = 1
    last = torch.zeros(1, 20, dtype=torch.bool)
    last[0, -1] = True
    drawn = axes()
    kept = piece(Window(x, y, torch.ones(1, dtype=torch.bool), last), y + 0.1, last, streams=1)
    plot_curves(drawn, first_stream([kept], 0, 0, ["value", "marker", "sum"]))
    assert legend(drawn) == ["input value", "marker", "target sum", "prediction", "counts"]
    dots = {str(line.get_label()): line.get_xdata() for line in drawn.lines if line.get_linestyle() == "None"}
    assert {name: list(at) for name, at in dots.items()} == {"marker": [4, 13], "counts": [19]}
    assert not drawn.patches


@pytest.mark.parametrize("streams", [1, 8])
@pytest.mark.parametrize("column", ["when", None])
def test_a_target_stands_at_its_own_time(column: str | None, streams: int) -> None:
    """Whichever streams have read it, against the file itself."""
    horizon, rows = 7, 400
    days = np.datetime64("2024-05-01") + np.arange(rows) * np.timedelta64(6, "h")
    values = np.random.default_rng(0).normal(size=(rows, 2)).round(3)
    Path("data").mkdir()
    with Path("data", "pump.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["when", "flow", "heat"], *([day, *pair] for day, pair in zip(days, values))])  # noqa: B905
    words = [
        *("datamodule=series", "module=regressor", "datamodule.files=[data/pump.csv]", "datamodule.inputs=[flow,heat]"),
        *("datamodule.targets=[heat]", f"datamodule.horizon={horizon}", f"datamodule.num_streams={streams}"),
        *("datamodule.window=10", "datamodule.warmup=20", "datamodule.test_fraction=0.2", "core.hidden_size=4"),
        *(f"datamodule.time={column or 'null'}", "trainer=cpu", "trainer.max_steps=1", "logger=csv"),
    ]
    Path("run").mkdir()
    parts = build(compose(words), Path("run"))
    parts.trainer.test(parts.module, parts.datamodule, verbose=False)
    (figure,) = [callback for callback in parts.trainer.callbacks if isinstance(callback, StreamFigure)]
    curves, where = figure._curves(parts.datamodule, "test")
    assert where == "rows 321 to 400 of the 400 in pump.csv"
    steps = len(curves.y)
    assert steps == 60 if streams == 1 else steps >= 60 - horizon
    assert curves.counts.all()
    time = days.astype("datetime64[ns]") if column else np.arange(1, rows + 1)
    at = np.searchsorted(time, curves.times[:steps])
    assert (time[at] == curves.times[:steps]).all()
    assert (time[at + horizon] == curves.times[horizon:]).all()
    assert at[0] + horizon >= 320
    np.testing.assert_allclose(curves.x, values[at], atol=1e-6)
    np.testing.assert_allclose(curves.y, values[at + horizon, 1], atol=1e-6)
    assert curves.naive is not None
    known = np.isfinite(curves.naive)
    assert known.mean() > 0.5
    np.testing.assert_allclose(curves.naive[known], values[at[known], 1], atol=1e-6)
    assert curves.label == (column or "row")
    assert Path("run/figures/stream_test.png").stat().st_size > 10_000


def test_frames_show_the_range_of_the_target() -> None:
    drawn = axes()
    data = SimpleNamespace(name="pump", input_names=["rpm"], target_names=["heat"])
    pieces = [wave(50, 300)._replace(y=20 + 5 * TIME.sin()[None]) for _ in range(3)]
    for end in (1, 2, 3):
        draw_frame(drawn, pieces, end, 2, data)
    assert len(drawn.figure.axes) == 2
    assert drawn.get_ylim() == pytest.approx((12, 28), abs=0.1)
    draw_frame(drawn, [pieces[0]._replace(y=pieces[0].y * torch.nan)], 1, 2, data)  # nothing is known


def test_an_animation_goes_on_from_its_checkpoint() -> None:
    before, after = FitAnimation(), FitAnimation()
    before._pieces = [wave(), wave(2)]
    after.load_state_dict(before.state_dict())
    for ours, theirs in zip(before._pieces, after._pieces, strict=True):
        torch.testing.assert_close(tuple(ours), tuple(theirs), equal_nan=True)
    assert [tuple(tensor.shape) for tensor in before.state_dict()["pieces"][0]] == [(20, 1)] * 3


@pytest.mark.parametrize("precision", ["bf16-true", "64-true"])
def test_a_figure_is_drawn_in_true_precisions(precision: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING")
    words = [*SINE, "logger=csv", f"trainer.precision={precision}", "trainer.max_steps=2", "callbacks=animation"]
    Path("run").mkdir()
    parts = build(compose([*words, "callbacks.animation.windows=2"]), Path("run"))
    parts.trainer.fit(parts.module, parts.datamodule)
    parts.trainer.test(parts.module, parts.datamodule, verbose=False)
    assert "cannot draw" not in caplog.text
    drawn = {path.name for path in Path("run/figures").iterdir()}
    assert drawn == {"stream_test.png", "scatter.png", "fit.gif"}
