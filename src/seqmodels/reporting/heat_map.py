"""Two numeric parameters that were swept against each other: the grid of their means, found and drawn."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqmodels.reporting.groups import Group, Table
from seqmodels.reporting.scales import Scale, linear
from seqmodels.reporting.svg import INK, PAPER, SIZE, WIDTH, box, short, svg, text, width_of
from seqmodels.reporting.wording import clean, number

FILLED = 0.6
"""A grid with fewer of its cells measured shows holes, not a surface."""

VIRIDIS = (
    "#440154", "#482878", "#3e4a89", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725",
)  # fmt: skip
"""Ten of its colours, at equal distances (van der Walt & Smith 2015): read in grey and by colour-blind readers too."""

CELL, HEIGHT, TOP, GAP = 77.0, 48.0, 25.0, 10.0
"""A cell's greatest width, its height; room above the cells, and between things."""

BAR, STRIPES = 110.0, 60
"""Room for what the colours mean, and of how many stripes it is."""


@dataclass(frozen=True)
class Grid:
    """What a heat map shows.

    Attributes:
        x, y: the names of the parameters.
        columns, rows: their values, ascending, as they were written.
        cells: (row, column) -> group.
        rest: what is the same all over the grid, `core=gru`; empty if nothing else was varied.
    """

    x: str
    y: str
    columns: list[str]
    rows: list[str]
    cells: dict[tuple[int, int], Group]
    rest: str


def grids(table: Table) -> list[Grid]:
    """The two numeric parameters with the most values, one grid for each choice of the others; the best first."""
    groups = [group for group in table.groups if group.value]
    keys = dict.fromkeys(key for group in groups for key in group.parts)
    values = {key: {group.parts.get(key, "") for group in groups} for key in keys}
    numeric = sorted((key for key in keys if _numbers(values[key])), key=lambda key: -len(values[key]))[:2]
    if len(numeric) < 2:
        return []
    x, y = sorted(numeric, key=list(keys).index)
    faces: dict[str, list[Group]] = {}
    for group in groups:
        rest = ", ".join(f"{key}={value}" for key, value in group.parts.items() if key not in (x, y))
        faces.setdefault(rest, []).append(group)
    found = [_grid(x, y, members, rest) for rest, members in faces.items()]
    return [grid for grid in found if grid is not None]


def _grid(x: str, y: str, groups: Sequence[Group], rest: str) -> Grid | None:
    columns, rows = (sorted({group.parts[key] for group in groups}, key=float) for key in (x, y))
    cells = {(rows.index(group.parts[y]), columns.index(group.parts[x])): group for group in groups}
    if len(columns) < 2 or len(rows) < 2 or len(cells) < FILLED * len(columns) * len(rows):
        return None
    return Grid(x, y, columns, rows, cells, rest)


def _numbers(values: set[str]) -> bool:
    try:
        return len({float(value) for value in values}) >= 2
    except ValueError:
        return False


def heat_map(table: Table, grid: Grid) -> str:
    """The mean of the monitor over two parameters, the best cell framed."""
    means = {
        place: group.value.mean
        for place, group in grid.cells.items()
        if group.value and math.isfinite(group.value.mean)
    }
    if not means:
        return ""
    everywhere = [group.value.mean for group in table.groups if group.value and math.isfinite(group.value.mean)]
    low, high = min(everywhere), max(everywhere)  # one scale for all grids of a table
    left = 2 * SIZE + max(width_of(row) for row in grid.rows) + GAP
    width = min(CELL, (WIDTH - left - BAR) / len(grid.columns))
    right, bottom = left + width * len(grid.columns), TOP + HEIGHT * len(grid.rows)

    def corner(row: int, column: int) -> tuple[float, float]:
        return left + width * column, bottom - HEIGHT * (row + 1)

    parts = [text((left, SIZE), short(grid.rest, 60))]
    for (row, column), mean in means.items():
        x, y = corner(row, column)
        colour = _colour(_share(mean, low, high, table.mode))
        ink = "#000000" if sum(np.array(colour) * (0.3, 0.59, 0.11)) > 128 else "#ffffff"
        parts.append(box(x, y, width, HEIGHT, _hex(colour), PAPER, 2))
        parts.append(text((x + width / 2, y + HEIGHT / 2), number(mean, high / 10 - low / 10), "middle", ink))
    best = (max if table.mode == "max" else min)(means, key=means.__getitem__)
    parts.append(box(*corner(*best), width, HEIGHT, "none", INK, 2.5))
    for column, label in enumerate(grid.columns):
        parts.append(text((left + width * (column + 0.5), bottom + SIZE), label, "middle"))
    for row, label in enumerate(grid.rows):
        parts.append(text((left - GAP / 2, corner(row, 0)[1] + HEIGHT / 2), label, "end"))
    parts.append(text(((left + right) / 2, bottom + 2.6 * SIZE), grid.x, "middle"))
    parts.append(text((SIZE, (TOP + bottom) / 2), grid.y, "middle", turned=True))
    parts += _bar(linear([low, high], bottom, TOP), right + 2 * GAP, table, low, high)
    title = f"{table.title}: mean {clean(table.monitor)} over {grid.x} and {grid.y}"
    return svg(parts, right + BAR, bottom + 3.6 * SIZE, title)


def _bar(y: Scale, left: float, table: Table, low: float, high: float) -> list[str]:
    """What the colours mean, on the right of the cells."""
    parts, step = [], (y.start - y.end) / STRIPES
    for i in range(STRIPES):
        share = (i + 0.5) / STRIPES
        colour = _colour(share if table.mode == "max" else 1 - share)
        parts.append(box(left, y.start - step * (i + 1), 1.4 * GAP, step + 0.3, _hex(colour)))
    for share, value in ((0, low), (0.5, low / 2 + high / 2), (1, high)):
        parts.append(text((left + 2 * GAP, y.start + share * (y.end - y.start)), number(value, high / 10 - low / 10)))
    middle = (y.start + y.end) / 2
    return [*parts, text((left + BAR - 2.8 * GAP, middle), f"mean {clean(table.monitor)}", "middle", turned=True)]


def _share(value: float, low: float, high: float, mode: str) -> float:
    """From 0, the worst, to 1."""
    share = (value / 2 - low / 2) / (high / 2 - low / 2) if high / 2 > low / 2 else 0.5
    return share if mode == "max" else 1 - share


def _colour(share: float) -> tuple[float, float, float]:
    """Red, green and blue, 0 to 255, on straight lines between those of viridis that are written above."""
    known = np.linspace(0, 1, len(VIRIDIS))
    parts = [[int(colour[i : i + 2], 16) for colour in VIRIDIS] for i in (1, 3, 5)]
    red, green, blue = (float(np.interp(share, known, part)) for part in parts)
    return red, green, blue


def _hex(colour: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(part):02x}" for part in colour)
