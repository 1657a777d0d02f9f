"""Two numeric parameters that were swept against each other: the grid of their means, found and drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from seqmodels.reporting.groups import Group, Table
from seqmodels.reporting.svg import INK, PAPER, STYLE, WIDTH, short, svg
from seqmodels.reporting.wording import clean, number

FILLED = 0.6
"""A grid with fewer of its cells measured shows holes, not a surface."""


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
    means = np.full((len(grid.rows), len(grid.columns)), np.nan)
    for place, group in grid.cells.items():
        if group.value and np.isfinite(group.value.mean):
            means[place] = group.value.mean
    if np.isnan(means).all():
        return ""
    everywhere = [group.value.mean for group in table.groups if group.value and np.isfinite(group.value.mean)]
    low, high = min(everywhere), max(everywhere)  # one scale for all grids of a table
    colours = mpl.colormaps["viridis" if table.mode == "max" else "viridis_r"]
    width, height = 2.4 + 0.8 * len(grid.columns), 1.2 + 0.5 * len(grid.rows)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(min(WIDTH, width), height), layout="constrained")
        axes = figure.add_subplot()
        mesh = axes.pcolormesh(means, cmap=colours, vmin=low, vmax=high, edgecolors=PAPER, linewidth=1.5)
        for row, column in grid.cells:
            if np.isfinite(means[row, column]):
                bright = sum(np.array(mesh.cmap(mesh.norm(means[row, column])))[:3] * (0.3, 0.59, 0.11)) > 0.5
                ink = "#000000" if bright else "#ffffff"
                axes.text(
                    column + 0.5,
                    row + 0.5,
                    number(means[row, column], (high - low) / 10),
                    color=ink,
                    ha="center",
                    va="center",
                    size=9,
                )
        best = np.unravel_index(np.nanargmax(means) if table.mode == "max" else np.nanargmin(means), means.shape)
        axes.add_patch(Rectangle((float(best[1]), float(best[0])), 1, 1, fill=False, edgecolor=INK, linewidth=2))
        axes.set_xticks(np.arange(len(grid.columns)) + 0.5, grid.columns)
        axes.set_yticks(np.arange(len(grid.rows)) + 0.5, grid.rows)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_xlabel(grid.x)
        axes.set_ylabel(grid.y)
        axes.set_title(short(grid.rest, 60))
        bar = figure.colorbar(mesh, ax=axes, label=f"mean {clean(table.monitor)}")
        bar.outline.set_visible(False)
        return svg(figure, f"{table.title}: mean {clean(table.monitor)} over {grid.x} and {grid.y}")
