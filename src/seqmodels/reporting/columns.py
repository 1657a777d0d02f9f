"""The columns of a table of groups, the same for the terminal, Markdown and the page."""

from collections.abc import Callable, Iterable
from functools import partial
from statistics import fmean
from typing import Any

from seqmodels.reporting.data import KEY
from seqmodels.reporting.groups import Group, Table
from seqmodels.reporting.runs import Run
from seqmodels.reporting.wording import clean, count, duration, interval, number, plural, spread

Column = tuple[str, Callable[[Group], str]]
BEST = 200
"""How many groups the terminal and Markdown list; the page and report.csv have all."""


def columns(table: Table, brief: bool = False, joined: bool = False) -> list[Column]:
    """Headings, and what stands below them for a group.

    Args:
        brief: as much as fits into a terminal.
        joined: the monitor as one column, `mean ± sd [interval]`, like the test metrics.
    """
    monitor = clean(table.monitor)
    counterpart = f"test/{table.monitor.partition('/')[2]}"
    tests = [name for name in table.test_metrics if not brief or name == counterpart]
    apart: list[Column] = [
        (monitor, lambda group: number(group.value.mean, group.value.sd) if group.value else "-"),
        ("sd", lambda group: number(group.value.sd, group.value.sd) if group.value else "-"),
        ("95 % interval", lambda group: interval(group.value) if group.value else "-"),
    ]
    costs: list[Column] = [
        ("parameters", lambda group: count(mean(run.parameters for run in group.runs))),
        ("state, bytes", lambda group: count(mean(run.state_bytes for run in group.runs))),
        (
            "device",
            lambda group: "; ".join(dict.fromkeys(clean(run.device) for run in group.runs if run.device)) or "-",
        ),
    ]
    return [
        ("group", lambda group: group.label),
        ("n", runs_counted),
        *([(monitor, lambda group: spread(group.value))] if joined else apart),
        *((clean(name), partial(_tested, name)) for name in tests),
        ("run time", lambda group: duration(mean(run.seconds for run in group.runs))),
        *([] if brief else costs),
    ]


def _tested(metric: str, group: Group) -> str:
    """A test metric, with its own n where not all of the runs that count were tested."""
    value = group.over_runs(metric)
    fewer = f" (n={value.n})" if value and value.n < len(group.runs) else ""
    return spread(value) + fewer


def runs_counted(group: Group) -> str:
    """`3`, or `3 of 4` where runs were left out."""
    runs = len(group.runs)
    return f"{runs} of {runs + len(group.left_out)}" if group.left_out else str(runs)


def left_out(table: Table) -> list[tuple[str, list[tuple[Group, Run, str]]]]:
    """The runs that count nowhere, with the reason, under a heading; those that a search stopped early apart."""
    rows = [(group, run, reason) for group in table.groups for run, reason in group.left_out]
    rows.sort(key=lambda row: (row[1].status, str(row[1].folder)))
    kinds = {
        "Not in the means": [row for row in rows if row[1].status != "pruned"],
        "Stopped early by the search": [row for row in rows if row[1].status == "pruned"],
    }
    return [(heading, kind) for heading, kind in kinds.items() if kind]


def direction(table: Table) -> str:
    """`val/acc, higher is better`."""
    return f"{clean(table.monitor)}, {'higher' if table.mode == 'max' else 'lower'} is better"


def tally(runs: Iterable[Run]) -> str:
    """`12 runs: 9 completed, 2 failed, 1 pruned`."""
    statuses = [run.status for run in runs]
    kinds = sorted(set(statuses), key=lambda status: (status != "completed", status))
    return f"{plural(len(statuses), 'run')}: {', '.join(f'{statuses.count(kind)} {kind}' for kind in kinds)}"


def mixed(table: Table) -> str | None:
    """A word of warning where the runs of a table were not made by the same code, or of the same data."""
    runs = [run for group in table.groups for run in group.runs]
    found = []
    for key, thing in (("git.commit", "commit"), ("versions.torch", "torch version")):
        values = {run.extras[key] for run in runs if key in run.extras}
        if len(values) > 1:
            found.append(plural(len(values), thing))
    sentences = [f"These runs come from {' and '.join(found)}."] if found else []
    changed = sum(run.extras.get("git.dirty") == "true" for run in runs)
    if changed:
        sentences.append(f"The code of {plural(changed, 'run')} had changes that were not committed.")
    if any(KEY in run.settings for run in runs):
        sentences.append("Some with the same settings have read other data, and are groups apart.")
    return " ".join(sentences) or None


def mean(values: Iterable[Any]) -> float | None:
    """Of those that are there."""
    there = [value for value in values if value is not None]
    return fmean(there) if there else None


LEGEND = (
    "n: runs that count, one for each seed. sd, behind ±: sample standard deviation over seeds. 95 % interval, in "
    "brackets: Student's t interval of the mean, for each group by itself, not corrected for the number of groups; a "
    "single run has none. The monitor's value is that of the weights that a run tests: the best that it reached, or "
    "with test=last the last one. Run time is that of the last attempt, parameters are those that learn, the state "
    "is that of one stream; all are means over the runs."
)
