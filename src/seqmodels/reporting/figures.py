"""The comparison of groups and their learning curves, drawn."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from seqmodels.reporting.curves import Curve, average, read_curves, train_loss
from seqmodels.reporting.groups import Group, Table
from seqmodels.reporting.svg import INK, PAPER, STYLE, WIDTH, short, svg
from seqmodels.reporting.wording import clean, plural

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#8a8a8a")
"""Okabe & Ito's, told apart by colour-blind readers too, and their black made grey for dark pages."""

DRAWN = len(COLOURS)
"""How many groups have curves."""

COMPARED = 30
"""How many groups are compared."""


def comparison(table: Table) -> str:
    """Every run as a point, mean and interval for each group, the best group on top; "" for less than two runs."""
    groups = [group for group in table.groups if group.value and np.isfinite(group.value.mean)][:COMPARED]
    if sum(len(group.runs) for group in groups) < 2:
        return ""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 0.8 + 0.42 * len(groups)), layout="constrained")
        axes = figure.add_subplot()
        for row, group in enumerate(groups):
            colour = COLOURS[row] if row < DRAWN else COLOURS[-1]
            _one_row(axes, row, group, colour)
        axes.set_yticks(range(len(groups)), [short(group.label) for group in groups])
        axes.set_ylim(len(groups) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color=INK, alpha=0.12, linewidth=0.6)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(f"{clean(table.monitor)} ({'higher' if table.mode == 'max' else 'lower'} is better)")
        axes.margins(x=0.03)
        return svg(figure, f"{table.title}: {clean(table.monitor)} of every run, with means and intervals")


def _one_row(axes: Any, row: int, group: Group, colour: str) -> None:
    value = group.value
    assert value is not None
    points = [run.value for run in group.runs] if value.n > 1 else []
    axes.scatter(points, [row + 0.2] * len(points), s=16, color=colour, alpha=0.75, linewidths=0, zorder=2)
    if value.low is not None and value.high is not None and np.isfinite([value.low, value.high]).all():
        axes.plot(
            [value.low, value.high], [row - 0.12] * 2, color=colour, linewidth=2.2, solid_capstyle="butt", zorder=3
        )
    axes.plot(value.mean, row - 0.12, "D", color=colour, markersize=6, markeredgecolor=PAPER, zorder=4)


def learning_curves(table: Table) -> str:
    """The training loss and the monitor by step, for the best groups; "" where no curve has two steps."""
    groups = [group for group in table.groups if group.runs][:DRAWN]
    loss = train_loss([run.folder for group in groups for run in group.runs])
    metrics = [name for name in dict.fromkeys((loss, table.monitor)) if name]
    curves: dict[str, list[tuple[int, Curve]]] = {}
    for index, group in enumerate(groups):
        series = [read_curves(run.folder, metrics) for run in group.runs]
        for metric in metrics:
            curve = average([one[metric] for one in series if metric in one])
            if curve:
                curves.setdefault(metric, []).append((index, curve))
    if not curves:
        return ""
    shown = sorted({index for of in curves.values() for index, _ in of})
    with mpl.rc_context(STYLE):
        names = [f"{short(groups[index].label, 60)} (n={len(groups[index].runs)})" for index in shown]
        abreast = max(1, min(len(names), 150 // (max(map(len, names)) + 6)))
        rows = -(-len(shown) // abreast)
        figure = Figure(figsize=(WIDTH, 3.4 + 0.22 * rows), layout="constrained")
        panels = figure.subplots(1, len(curves), squeeze=False)[0]
        lines: dict[int, Any] = {}
        for axes, metric in zip(panels, (metric for metric in metrics if metric in curves), strict=True):
            for index, curve in curves[metric]:
                lines[index] = _draw(axes, curve, COLOURS[index])
            _finish(axes, metric, curves[metric])
        figure.legend([lines[index] for index in shown], names, loc="outside lower left", ncols=abreast)
        return svg(figure, f"{table.title}: learning curves")


def _draw(axes: Any, curve: Curve, colour: str) -> Any:
    if curve.sd is not None:
        low, high = curve.mean - curve.sd, curve.mean + curve.sd
        axes.fill_between(curve.steps, low, high, color=colour, alpha=0.16, linewidth=0)
    marker = "o" if len(curve.steps) <= 12 else ""
    return axes.plot(curve.steps, curve.mean, color=colour, linewidth=1.6, marker=marker, markersize=3.5)[0]


def _finish(axes: Any, metric: str, curves: Sequence[tuple[int, Curve]]) -> None:
    """A loss that falls by more than a decade is read on a logarithmic axis; a band must not open it downwards."""
    low, high = (pick([pick(curve.mean) for _, curve in curves]) for pick in (min, max))
    if low > 0 and high > 10 * low:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_ylim(low / 1.5, high * 1.5)
    axes.set_title(clean(metric))
    axes.set_xlabel("step")
    axes.grid(axis="y", color=INK, alpha=0.12, linewidth=0.6)


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
