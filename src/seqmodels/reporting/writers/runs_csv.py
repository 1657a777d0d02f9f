"""report.csv: one row for each run, with everything that is known of it, for pandas and spreadsheets."""

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path

from seqmodels.reporting.groups import Group, Table
from seqmodels.reporting.runs import Run
from seqmodels.reporting.wording import clean
from seqmodels.system.terminal import plain_cell

FIRST = ("folder", "experiment", "data", "group", "status", "counts", "why_not", "seed", "monitor", "mode", "value")

LAST = ("parameters", "state_bytes", "steps", "seconds", "device", "overrides")


def runs_csv(tables: Sequence[Table], folder: Path) -> str:
    """The whole file; `folder` is where it will lie. Missing values are empty cells."""
    rows = [
        _row(table, group, run, reason, folder)
        for table in tables
        for group in table.groups
        for run, reason in [*((run, "") for run in group.runs), *group.left_out]
    ]
    between = dict.fromkeys(_own(name) for kind in _kinds(tables) for name in kind)
    file = StringIO()
    writer = csv.DictWriter(file, [*FIRST, *between, *LAST], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: plain_cell(value) for key, value in row.items()} for row in rows)
    return file.getvalue()


def _row(table: Table, group: Group, run: Run, reason: str, folder: Path) -> dict[str, object]:
    place = run.folder.relative_to(folder) if run.folder.is_relative_to(folder) else run.folder
    free = {key: run.settings[key] for key in table.keys if key in run.settings} | run.metrics | run.extras
    return {
        **{_own(name): clean(value) if isinstance(value, str) else value for name, value in free.items()},
        "folder": clean(place),
        "experiment": clean(run.name),
        "data": clean(table.data),
        "group": group.label,
        "status": run.status,
        "counts": "no" if reason else "yes",
        "why_not": reason,
        "seed": run.seed,
        "monitor": clean(run.monitor),
        "mode": run.mode,
        "value": run.metrics.get(run.monitor),
        "parameters": run.parameters,
        "state_bytes": run.state_bytes,
        "steps": run.steps,
        "seconds": run.seconds,
        "device": clean(run.device) if run.device else None,
        "overrides": clean(" ".join(run.overrides)),
    }


def _kinds(tables: Sequence[Table]) -> Iterator[list[str]]:
    """The further columns in their order: what was varied, metrics, the rest of results.json."""
    yield [key for table in tables for key in table.keys]
    yield [name for table in tables for run in table.runs for name in run.metrics]
    yield [name for table in tables for run in table.runs for name in run.extras]


def _own(name: str) -> str:
    """A metric that is called like one of our columns gets another name."""
    return str(plain_cell(clean(f"metrics.{name}" if name in FIRST or name in LAST else name)))
