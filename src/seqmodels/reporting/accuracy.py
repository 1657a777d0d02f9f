"""The accuracy of a test by the length of what was read, or by how much was to be kept, as results.json tells it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from seqmodels.reporting.curves import Curve
from seqmodels.reporting.groups import Group, Table
from seqmodels.reporting.panels import DRAWN, GAP, LEGEND, PANEL, legend, names_of, panel
from seqmodels.reporting.runs import Run
from seqmodels.reporting.statistics import moments
from seqmodels.reporting.svg import WIDTH, svg

AXES = {"by_length": "steps read", "by_pairs": "pairs to be kept"}
"""The keys of results.json, and what they are called."""

MEASURES = {"acc_scaled": "scaled accuracy of the test: 0 a guess, 1 perfect", "acc": "accuracy of the test"}

Range = tuple[int, int]


def accuracy_curves(table: Table) -> str:
    """The best groups that were told apart by the same thing; "" where none was."""
    groups = [group for group in table.groups if group.runs][:DRAWN]
    for key, along in AXES.items():
        for measure, name in MEASURES.items():
            found = {index: curve for index, group in enumerate(groups) if (curve := _curve(group, key, measure))}
            if found:
                parts = panel(name, list(found.items()), 0, WIDTH - 2 * GAP, along, (0.0, 1.0))
                names = names_of(groups, list(found))
                height = PANEL + LEGEND * (len(names) + 1)
                return svg([*parts, *legend(names)], WIDTH, height, f"{table.title}: accuracy by {along}")
    return ""


def _curve(group: Group, key: str, measure: str) -> Curve | None:
    """Over the runs that tell it, at the middle of each range that all of them have."""
    told = [values for run in group.runs if (values := _told(run, key, measure))]
    ranges = sorted(set.intersection(*(set(values) for values in told))) if told else []
    if not ranges:
        return None
    mean, sd = moments([[values[one] for one in ranges] for values in told])
    return Curve(np.array([(first + last) / 2 for first, last in ranges]), mean, sd, len(told))


def _told(run: Run, key: str, measure: str) -> dict[Range, float]:
    """The measure by range; what is no row of such a table is passed over."""
    rows = run.facts.get(key)
    found = {}
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, Mapping) and _whole(row.get("from")) and _whole(row.get("to")) and _finite(row.get(measure)):
            found[row["from"], row["to"]] = float(row[measure])
    return found


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def _finite(value: Any) -> bool:
    return isinstance(value, float | int) and abs(value) <= 1e6
