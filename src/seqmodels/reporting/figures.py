"""The comparison of groups and their learning curves, drawn."""

import math
from collections.abc import Sequence

from seqmodels.reporting.curves import Curve, average, read_curves, train_loss
from seqmodels.reporting.groups import Group, Table
from seqmodels.reporting.scales import Scale, linear, logarithmic
from seqmodels.reporting.svg import PAPER, SIZE, WIDTH, area, dot, line, short, svg, text, width_of
from seqmodels.reporting.wording import clean, plural

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#8a8a8a")
"""Okabe & Ito's, told apart by colour-blind readers too, and their black made grey for dark pages."""

DRAWN = len(COLOURS)
"""How many groups have curves."""

COMPARED = 30
"""How many groups are compared."""

GAP, ROW, LEGEND, PANEL = 10.0, 40.0, 20.0, 320.0
"""Between things; heights of a group, of a line of the legend, and of a panel, its title and axis included."""

FAINT = 0.12
"""Of lines across the data."""


def comparison(table: Table) -> str:
    """Every run as a point, mean and interval for each group, the best group on top; "" for less than two runs."""
    groups = [group for group in table.groups if group.value and math.isfinite(group.value.mean)][:COMPARED]
    if sum(len(group.runs) for group in groups) < 2:
        return ""
    labels = [short(group.label) for group in groups]
    left, bottom = max(map(width_of, labels)) + GAP, ROW * len(groups)
    x = linear([end for group in groups for end in _ends(group)], left, WIDTH - 3 * GAP)
    parts = _across(x, 0, bottom)
    for row, (group, label) in enumerate(zip(groups, labels, strict=True)):
        middle = ROW * (row + 0.5)
        parts.append(text((left - GAP, middle), label, "end"))
        parts += _one_row(x, middle, group, COLOURS[min(row, DRAWN - 1)])
    better = "higher" if table.mode == "max" else "lower"
    parts.append(
        text(((left + WIDTH) / 2, bottom + 3.2 * SIZE), f"{clean(table.monitor)} ({better} is better)", "middle")
    )
    title = f"{table.title}: {clean(table.monitor)} of every run, with means and intervals"
    return svg(parts, WIDTH, bottom + 4 * SIZE, title)


def _ends(group: Group) -> list[float]:
    """What has to find room: the runs, the mean and its interval."""
    assert group.value is not None
    known = [*(run.value for run in group.runs), group.value.mean, group.value.low, group.value.high]
    return [value for value in known if value is not None and math.isfinite(value)]


def _one_row(x: Scale, middle: float, group: Group, colour: str) -> list[str]:
    value = group.value
    assert value is not None
    known = [run.value for run in group.runs if run.value is not None] if value.n > 1 else []
    parts = [dot((x.at(one), middle + 0.2 * ROW), 2.7, colour, 0.75) for one in known]
    above = middle - 0.12 * ROW
    if value.low is not None and value.high is not None and math.isfinite(value.low) and math.isfinite(value.high):
        parts.append(line([(x.at(value.low), above), (x.at(value.high), above)], colour, 3))
    at, half = x.at(value.mean), 5.5
    corners = [(at - half, above), (at, above - half), (at + half, above), (at, above + half)]
    return [*parts, area(corners, colour, edge=PAPER)]


def learning_curves(table: Table) -> str:
    """The training loss and the monitor by step, for the best groups; "" where no curve has two steps."""
    groups = [group for group in table.groups if group.runs][:DRAWN]
    loss = train_loss([run.folder for group in groups for run in group.runs])
    metrics = [name for name in dict.fromkeys((loss, table.monitor)) if name]
    curves: dict[str, list[tuple[int, Curve]]] = {metric: [] for metric in metrics}
    for index, group in enumerate(groups):
        series = [read_curves(run.folder, metrics) for run in group.runs]
        for metric in metrics:
            curve = average([one[metric] for one in series if metric in one])
            if curve:
                curves[metric].append((index, curve))
    drawn = {metric: of for metric, of in curves.items() if of}
    if not drawn:
        return ""
    parts, width = [], WIDTH / len(drawn)
    for column, (metric, of) in enumerate(drawn.items()):
        parts += _panel(metric, of, column * width, (column + 1) * width - 2 * GAP)
    shown = sorted({index for of in drawn.values() for index, _ in of})
    names = [(index, f"{short(groups[index].label, 60)} (n={len(groups[index].runs)})") for index in shown]
    return svg([*parts, *_legend(names)], WIDTH, PANEL + LEGEND * (len(names) + 1), f"{table.title}: learning curves")


def _panel(metric: str, curves: Sequence[tuple[int, Curve]], left: float, right: float) -> list[str]:
    """A loss that falls by more than a decade is read on a logarithmic axis; a band must not open it downwards."""
    top, bottom = 2 * SIZE, PANEL - 3.8 * SIZE
    low, high = (float(pick(pick(curve.mean) for _, curve in curves)) for pick in (min, max))
    if low > 0 and high / 10 > low:
        y = logarithmic(low, high, bottom, top)
    else:
        y = linear([float(end) for _, curve in curves for band in _band(curve) for end in band], bottom, top)
    ticks = y.ticks(6)
    inside = left + max((width_of(label) for _, label in ticks), default=0) + GAP
    x = linear([float(step) for _, curve in curves for step in (curve.steps[0], curve.steps[-1])], inside, right)
    parts = [
        text((inside, 0.8 * SIZE), clean(metric)),
        text(((inside + right) / 2, PANEL - 0.8 * SIZE), "step", "middle"),
    ]
    for at, label in ticks:
        parts += [line([(inside, at), (right, at)], faint=FAINT), text((inside - 0.6 * GAP, at), label, "end")]
    parts += [line([(inside, top), (inside, bottom)]), *_across(x, bottom, bottom, 7)]
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


def _across(x: Scale, top: float, bottom: float, most: int = 10) -> list[str]:
    """The horizontal axis at `bottom`, its numbers, and lines up to `top`."""
    parts = [line([(x.start, bottom), (x.end, bottom)])]
    for at, label in x.ticks(most):
        parts += [line([(at, top), (at, bottom)], faint=FAINT), line([(at, bottom), (at, bottom + 4)])]
        parts.append(text((at, bottom + 1.2 * SIZE), label, "middle"))
    return parts


def _legend(names: Sequence[tuple[int, str]]) -> list[str]:
    parts = []
    for row, (index, name) in enumerate(names):
        at = PANEL + LEGEND * (row + 0.8)
        parts += [line([(GAP, at), (4 * GAP, at)], COLOURS[index], 2.1), text((5 * GAP, at), name)]
    return parts


def captions(table: Table) -> dict[str, str]:
    """What the figures do not show, and how to read them."""
    ranked = [group for group in table.groups if group.value]
    more = f" The best {DRAWN} of {plural(len(ranked), 'group')} are drawn." if len(ranked) > DRAWN else ""
    most = f" The best {COMPARED} of {plural(len(ranked), 'group')} are drawn." if len(ranked) > COMPARED else ""
    return {
        "comparison": f"A dot is a run; a diamond is the mean, the line its 95 % interval.{most}",
        "curves": f"Lines are means over seeds, bands one standard deviation to each side, drawn over the steps "
        f"that all runs of the group have reached.{more}",
    }
