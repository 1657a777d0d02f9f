"""The comparison of groups and their learning curves, drawn."""

import math

from seqmodels.reporting.curves import Curve, average, read_curves, train_loss
from seqmodels.reporting.groups import Group, Table
from seqmodels.reporting.panels import COLOURS, DRAWN, GAP, LEGEND, PANEL, across, legend, names_of, panel
from seqmodels.reporting.scales import Scale, linear
from seqmodels.reporting.svg import PAPER, SIZE, WIDTH, area, dot, line, short, svg, text, width_of
from seqmodels.reporting.wording import clean, plural

COMPARED = 30
"""How many groups are compared."""

ROW = 40.0
"""Height of a group."""


def comparison(table: Table) -> str:
    """Every run as a point, mean and interval for each group, the best group on top; "" for less than two runs."""
    groups = [group for group in table.groups if group.value and math.isfinite(group.value.mean)][:COMPARED]
    if sum(len(group.runs) for group in groups) < 2:
        return ""
    labels = [short(group.label) for group in groups]
    left, bottom = max(map(width_of, labels)) + GAP, ROW * len(groups)
    x = linear([end for group in groups for end in _ends(group)], left, WIDTH - 3 * GAP)
    parts = across(x, 0, bottom)
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
        parts += panel(metric, of, column * width, (column + 1) * width - 2 * GAP)
    shown = sorted({index for of in drawn.values() for index, _ in of})
    names = names_of(groups, shown)
    return svg([*parts, *legend(names)], WIDTH, PANEL + LEGEND * (len(names) + 1), f"{table.title}: learning curves")


def captions(table: Table) -> dict[str, str]:
    """What the figures do not show, and how to read them."""
    ranked = [group for group in table.groups if group.value]
    more = f" The best {DRAWN} of {plural(len(ranked), 'group')} are drawn." if len(ranked) > DRAWN else ""
    most = f" The best {COMPARED} of {plural(len(ranked), 'group')} are drawn." if len(ranked) > COMPARED else ""
    return {
        "comparison": f"A dot is a run; a diamond is the mean, the line its 95 % interval.{most}",
        "curves": f"Lines are means over seeds, bands one standard deviation to each side, drawn over the steps "
        f"that all runs of the group have reached.{more}",
        "accuracy": "Lines are means over seeds at the middle of each range, bands one standard deviation to each side."
        f"{more}",
        "state": f"A dot is the mean of a group's runs; those beyond the best {DRAWN - 1} are grey.",
    }
