"""The figures of a stream: what is drawn where nothing is known, and of which magnitude."""

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seqmodels.callbacks.figures.animation import draw_frame
from seqmodels.callbacks.figures.stream import Piece, piece, plot_pieces, shade_uncounted
from seqmodels.datamodules.window import Window

TIME = torch.arange(20.0)


def wave(scale: float = 1.0, offset: float = 0.0) -> Piece:
    """Window of one stream whose input is cos, scaled, and whose target sin; the last five steps are padding."""
    x = (offset + scale * TIME.cos())[None, :, None]
    y = TIME.sin()[None, :, None].clone()
    y[:, 15:] = torch.nan
    everything = torch.ones(1, 20, dtype=torch.bool)
    return piece(Window(x, y, torch.zeros(1, dtype=torch.bool), everything), y.nan_to_num(7.0) + 0.1)


def axes() -> Axes:
    return Figure().subplots()


def test_nothing_is_drawn_where_there_is_no_target() -> None:
    drawn = axes()
    plot_pieces(drawn, [wave(), wave()], first_step=100)
    assert len(drawn.lines) == 3 + 3  # curves and borders
    for line in drawn.lines[:3]:
        time, values = (torch.as_tensor(data) for data in line.get_data())
        assert time.tolist() == list(range(100, 140))
        assert values.isnan().nonzero().flatten().tolist() == [*range(15, 20), *range(35, 40)]


@pytest.mark.parametrize(("scale", "offset", "sides"), [(1, 0, 1), (2, 0.5, 1), (1, 300, 2), (50, 0, 2), (0.01, 0, 2)])
def test_an_input_of_another_magnitude_has_its_own_axis(scale: float, offset: float, sides: int) -> None:
    drawn = axes()
    plot_pieces(drawn, [wave(scale, offset)], names=("rpm", "heat"))
    assert len(drawn.figure.axes) == sides
    legend = drawn.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["input rpm", "target heat", "prediction"]
    low, high = drawn.get_ylim()
    assert (-1.5 < low < -0.9 and 0.9 < high < 1.5) if sides == 2 else low < -0.9


@pytest.mark.parametrize(
    ("counts", "spans"),
    [
        ("1111", []),
        ("0000", [(9.5, 13.5)]),
        ("0011", [(9.5, 11.5)]),
        ("1001", [(10.5, 12.5)]),
        ("0101", [(9.5, 10.5), (11.5, 12.5)]),
    ],
)
def test_what_does_not_count_lies_on_grey(counts: str, spans: list[tuple[float, float]]) -> None:
    drawn = axes()
    shade_uncounted(drawn, np.array([sign == "1" for sign in counts]), first_step=10)
    boxes = [patch.get_extents().transformed(drawn.transData.inverted()) for patch in drawn.patches]
    assert [(round(box.x0, 6), round(box.x1, 6)) for box in boxes] == spans


def test_frames_show_the_range_of_the_target() -> None:
    drawn = axes()
    pieces = [wave(50, 300)._replace(y=20 + 5 * TIME.sin()[:, None]) for _ in range(3)]
    for end in (1, 2, 3):
        draw_frame(drawn, pieces, end, 2, "pump")
    assert len(drawn.figure.axes) == 2
    assert drawn.get_ylim() == pytest.approx((12, 28), abs=0.1)
    draw_frame(drawn, [pieces[0]._replace(y=pieces[0].y * torch.nan)], 1, 2, "pump")  # nothing is known
