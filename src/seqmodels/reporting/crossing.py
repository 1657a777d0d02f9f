"""Cores against languages, problems or sets of data: what each core reaches in each, one table in place of many."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from seqmodels.reporting.groups import Group, Table, table_of
from seqmodels.reporting.heat_map import FILLED
from seqmodels.reporting.statistics import Summary
from seqmodels.reporting.wording import clean, number, plural

CORE = "core"


@dataclass(frozen=True)
class Crossing:
    """A table of cells.

    Attributes:
        metric: of the cells: the monitor's counterpart on the test, or the monitor where not all were tested.
        key: beside the core, or its variant, the only thing that varies by itself.
        columns: its values.
        rows: the cores, `gated_delta_net, negative_eigenvalues=true` where there are several of one; the best on the
            average first.
        cells: (row, column) -> summary over runs.
    """

    metric: str
    key: str
    columns: list[str]
    rows: list[str]
    cells: dict[tuple[str, str], Summary]

    @property
    def title(self) -> str:
        return f"{self.metric} by core and {self.key}"

    @property
    def caption(self) -> str:
        """What a cell is, and of how many runs."""
        counts = sorted({cell.n for cell in self.cells.values()})
        of = plural(counts[0], "run") if len(counts) == 1 else f"{counts[0]} to {counts[-1]} runs"
        return f"Mean ± standard deviation over seeds, of {of} each; the best core on the average first."

    @property
    def lines(self) -> list[list[str]]:
        """Headings, and a line of text for each core."""
        largest = max(abs(cell.mean) for cell in self.cells.values())
        like = 10.0 ** (math.ceil(math.log10(largest)) - 2) if largest else None  # as many decimals for all
        body = [[row, *(_cell(self.cells.get((row, column)), like) for column in self.columns)] for row in self.rows]
        return [[CORE, *self.columns], *body]


def crossings(tables: Sequence[Table]) -> list[Crossing]:
    """Of the tables of one monitor together, or where that is none of each; only what is there to cross."""
    found: list[Crossing] = []
    for monitor, mode in dict.fromkeys((table.monitor, table.mode) for table in tables):
        same = [table for table in tables if (table.monitor, table.mode) == (monitor, mode)]
        together = table_of("", monitor, mode, [run for table in same for run in table.runs])
        whole = [one for one in [crossing(together)] if one]
        found += whole or [one for table in same for one in [crossing(table)] if one]
    return found


def crossing(table: Table) -> Crossing | None:
    """None where more, or less, than the core and one key varies; what each core, or each value, brings is no more."""
    groups = [group for group in table.groups if group.value]
    if any(CORE not in group.parts for group in groups):
        return None
    keys = dict.fromkeys(key for group in groups for key in group.parts if key != CORE)
    in_all = [key for key in keys if all(key in group.parts for group in groups)]
    cores = _variants(groups, [key for key in keys if key not in in_all])
    free = [key for key in in_all if not _decides(cores, [group.parts[key] for group in groups])]
    values = {key: [group.parts[key] for group in groups] for key in free}
    key = next((one for one in free if all(_decides(values[one], values[other]) for other in free)), None)
    if key is None:
        return None
    test = f"test/{table.monitor.partition('/')[2]}"
    metric = test if all(group.over_runs(test) for group in groups) else table.monitor
    cells = {
        place: group.over_runs(metric)
        for place, group in zip(zip(cores, values[key], strict=True), groups, strict=True)
    }
    known = {place: value for place, value in cells.items() if value is not None}
    rows, columns = (list(dict.fromkeys(place[axis] for place in known)) for axis in (0, 1))
    whole = len(known) == len(groups) and len(known) >= FILLED * len(rows) * len(columns)
    if not whole or len(rows) < 2 or len(columns) < 2:
        return None
    sign = -1 if table.mode == "max" else 1
    rows.sort(key=lambda row: sign * fmean(value.mean for place, value in known.items() if place[0] == row))
    return Crossing(clean(metric), key, sorted(columns, key=_place), rows, known)


def _variants(groups: Sequence[Group], keys: Sequence[str]) -> list[str]:
    """Of each group its core, with those of the keys, which some cores do not have, that vary for this core."""

    def varied(core: str) -> list[str]:
        of_core = [group.parts for group in groups if group.parts[CORE] == core]
        return [key for key in keys if len({parts.get(key) for parts in of_core}) > 1]

    by_core = {core: varied(core) for core in {group.parts[CORE] for group in groups}}
    return [
        ", ".join([parts[CORE], *(f"{key}={parts.get(key, '-')}" for key in by_core[parts[CORE]])])
        for parts in (group.parts for group in groups)
    ]


def _decides(names: Sequence[str], values: Sequence[str]) -> bool:
    """Whether each name comes with one value."""
    found: dict[str, str] = {}
    return all(found.setdefault(name, value) == value for name, value in zip(names, values, strict=True))


def _place(value: str) -> tuple[float, str]:
    try:
        return float(value), value
    except ValueError:
        return float("inf"), value


def _cell(value: Summary | None, like: float | None) -> str:
    if value is None:
        return "-"
    mean = number(value.mean, like)
    mean = mean if float(mean) else mean.removeprefix("-")
    return mean + (f" ± {number(value.sd, like)}" if value.sd is not None else "")
