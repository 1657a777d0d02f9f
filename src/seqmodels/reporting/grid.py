"""Two numeric parameters that were swept against each other, as a grid of means."""

from collections.abc import Sequence
from dataclasses import dataclass

from seqmodels.reporting.groups import Group, Table

FILLED = 0.6
"""A grid with fewer of its cells measured shows holes, not a surface."""


@dataclass(frozen=True)
class Grid:
    """A heat map.

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
