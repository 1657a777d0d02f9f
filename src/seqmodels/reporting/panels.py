"""Curves of several groups beside each other: a panel with its axes, and the legend below."""

import math
from collections.abc import Sequence

from seqmodels.reporting.curves import Curve
from seqmodels.reporting.groups import Group
from seqmodels.reporting.scales import Scale, linear, logarithmic
from seqmodels.reporting.svg import SIZE, area, dot, line, short, text, width_of
from seqmodels.reporting.wording import clean

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#8a8a8a")
"""Okabe & Ito's, told apart by colour-blind readers too, and their black made grey for dark pages."""

DRAWN = len(COLOURS)
"""How many groups have curves."""

GAP, LEGEND, PANEL = 10.0, 20.0, 320.0
"""Between things; heights of a line of the legend, and of a panel, its title and axis included."""

FAINT = 0.12
"""Of lines across the data."""


def panel(
    metric: str,
    curves: Sequence[tuple[int, Curve]],
    left: float,
    right: float,
    along: str = "step",
    ends: tuple[float, float] | None = None,
) -> list[str]:
    """Curves, each with the number of its colour, over what is called `along`.

    A loss that falls by more than a decade is read on a logarithmic axis; a band must not open it downwards. With
    `ends` the axis is linear and holds both.
    """
    top, bottom = 2 * SIZE, PANEL - 3.8 * SIZE
    low, high = (float(pick(pick(curve.mean) for _, curve in curves)) for pick in (min, max))
    if not ends and low > 0 and high / 10 > low:
        y = logarithmic(low, high, bottom, top)
    else:
        held = [float(end) for _, curve in curves for band in _band(curve) for end in band]
        y = linear([*(ends or ()), *held], bottom, top)
    ticks = y.ticks(6)
    inside = left + max((width_of(label) for _, label in ticks), default=0) + GAP
    x = linear([float(step) for _, curve in curves for step in (curve.steps[0], curve.steps[-1])], inside, right)
    parts = [
        text((inside, 0.8 * SIZE), clean(metric)),
        text(((inside + right) / 2, PANEL - 0.8 * SIZE), along, "middle"),
    ]
    for at, label in ticks:
        parts += [line([(inside, at), (right, at)], faint=FAINT), text((inside - 0.6 * GAP, at), label, "end")]
    parts += [line([(inside, top), (inside, bottom)]), *across(x, bottom, bottom, 7)]
    for index, curve in curves:
        steps = [x.at(float(step)) for step in curve.steps]
        if curve.sd is not None:
            lower, upper = (
                [(at, y.at(float(one))) for at, one in zip(steps, band, strict=True)] for band in _band(curve)
            )
            parts.append(area([*lower, *reversed(upper)], COLOURS[index], 0.16))
        means = [(at, y.at(float(mean))) for at, mean in zip(steps, curve.mean, strict=True)]
        parts.append(line(means, COLOURS[index], 2.1))
        parts += [dot(point, 2.6, COLOURS[index]) for point in means if len(means) <= 12]
    return parts


def _band(curve: Curve) -> list[list[float]]:
    """Lower and upper end at each step; a deviation that no float can hold has none."""
    sd = [0.0] * len(curve.mean) if curve.sd is None else [one if math.isfinite(one) else 0.0 for one in curve.sd]
    return [[mean + sign * one for mean, one in zip(curve.mean, sd, strict=True)] for sign in (-1, 1)]


def across(x: Scale, top: float, bottom: float, most: int = 10) -> list[str]:
    """The horizontal axis at `bottom`, its numbers, and lines up to `top`."""
    parts = [line([(x.start, bottom), (x.end, bottom)])]
    for at, label in x.ticks(most):
        parts += [line([(at, top), (at, bottom)], faint=FAINT), line([(at, bottom), (at, bottom + 4)])]
        parts.append(text((at, bottom + 1.2 * SIZE), label, "middle"))
    return parts


def names_of(groups: Sequence[Group], shown: Sequence[int]) -> list[tuple[int, str]]:
    """What the legend calls some of the groups."""
    return [(index, f"{short(groups[index].label, 60)} (n={len(groups[index].runs)})") for index in shown]


def legend(names: Sequence[tuple[int, str]]) -> list[str]:
    """A line for each, below a panel: the number of its colour, and its name."""
    parts = []
    for row, (index, name) in enumerate(names):
        at = PANEL + LEGEND * (row + 0.8)
        parts += [line([(GAP, at), (4 * GAP, at)], COLOURS[index], 2.1), text((5 * GAP, at), name)]
    return parts
