"""What is reached for so many bytes of state: a point for each group, its mean over the runs."""

from seqmodels.reporting.columns import mean
from seqmodels.reporting.groups import Group, Table
from seqmodels.reporting.panels import COLOURS, DRAWN, FAINT, GAP, LEGEND, PANEL, across, legend, names_of
from seqmodels.reporting.scales import linear, logarithmic
from seqmodels.reporting.svg import SIZE, WIDTH, dot, line, svg, text, width_of
from seqmodels.reporting.wording import clean

FEWEST = 3
"""Sizes that make a figure."""


def by_state_size(table: Table) -> str:
    """The test's counterpart of the monitor, else the monitor, against bytes; "" where the groups have few sizes."""
    metric = f"test/{table.monitor.partition('/')[2]}"
    if metric not in table.test_metrics:
        metric = table.monitor
    groups = [group for group in table.groups if group.runs]
    points = [(index, *point) for index, group in enumerate(groups) if (point := _point(group, metric))]
    if len({size for _, size, _ in points}) < FEWEST:
        return ""
    top, bottom = 2 * SIZE, PANEL - 3.8 * SIZE
    y = linear([value for *_, value in points], bottom, top)
    ticks = y.ticks(6)
    inside = max(width_of(label) for _, label in ticks) + GAP
    sizes = [size for _, size, _ in points]
    x = logarithmic(min(sizes), max(sizes), inside, WIDTH - 2 * GAP)
    parts = [text((inside, 0.8 * SIZE), clean(metric))]
    parts.append(text(((inside + WIDTH) / 2, PANEL - 0.8 * SIZE), "bytes of state of one stream", "middle"))
    for at, label in ticks:
        parts += [line([(inside, at), (x.end, at)], faint=FAINT), text((inside - 0.6 * GAP, at), label, "end")]
    parts += [line([(inside, top), (inside, bottom)]), *across(x, bottom, bottom, 7)]
    parts += [dot((x.at(size), y.at(value)), 5, COLOURS[min(index, DRAWN - 1)], 0.85) for index, size, value in points]
    names = names_of(groups, [index for index, *_ in points if index < DRAWN])
    height = PANEL + LEGEND * (len(names) + 1)
    return svg([*parts, *legend(names)], WIDTH, height, f"{table.title}: {clean(metric)} by bytes of state")


def _point(group: Group, metric: str) -> tuple[float, float] | None:
    size, value = mean(run.state_bytes for run in group.runs), group.over_runs(metric)
    return (size, value.mean) if size and size > 0 and value and abs(value.mean) < 1e300 else None
