"""Runs that differ in nothing but their seed are one group; groups that can be ranked together are one table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from seqmodels.reporting.data import apart_by_data
from seqmodels.reporting.labels import name_parts, varied
from seqmodels.reporting.runs import Run, choice
from seqmodels.reporting.statistics import Summary, summary
from seqmodels.reporting.tasks import KEY, by_task
from seqmodels.reporting.wording import clean

NAMED = 4
"""How many experiments a title names."""


@dataclass(frozen=True)
class Group:
    """Runs of one experiment.

    Attributes:
        parts: of its name, `{"core": "gru", "lr": "0.01"}`.
        runs: that count: completed, with a finite value of the monitor, one for each seed; sorted by seed.
        left_out: the others, each with the reason.
        value: of the monitor over `runs`; None without any.
    """

    label: str
    parts: dict[str, str]
    runs: list[Run]
    left_out: list[tuple[Run, str]]
    value: Summary | None

    def over_runs(self, metric: str) -> Summary | None:
        """The summary of any metric, over the runs that have it."""
        values = [run.metrics[metric] for run in self.runs if metric in run.metrics]
        return summary(values) if values else None


@dataclass(frozen=True)
class Table:
    """Groups that can be ranked: the same task on the same data, with the same monitor.

    Attributes:
        name: of the experiment, or of all of them.
        data: the name of the data really used; "unknown" where no run got so far.
        groups: the best first, those without a value last.
        keys: of the settings that differ.
    """

    name: str
    data: str
    monitor: str
    mode: str
    groups: list[Group]
    keys: list[str]

    @property
    def runs(self) -> list[Run]:
        return [run for group in self.groups for run in (*group.runs, *(run for run, _ in group.left_out))]

    @property
    def listed(self) -> list[Group]:
        """The groups but those that a search stopped early, which are listed apart."""
        return [
            group for group in self.groups if group.runs or any(run.status != "pruned" for run, _ in group.left_out)
        ]

    @property
    def title(self) -> str:
        return f"{clean(self.name)} on {clean(self.data)}"

    @property
    def test_metrics(self) -> list[str]:
        """What was measured on the test set, beside the monitor."""
        names = dict.fromkeys(name for group in self.groups for run in group.runs for name in run.metrics)
        return [name for name in names if name.startswith("test/") and name != self.monitor]


def tables_of(runs: Iterable[Run]) -> list[Table]:
    """All runs, in tables; every run is in exactly one group."""
    kinds: dict[tuple[str, str], dict[str | None, list[Run]]] = {}
    for run in runs:
        named = replace(run, settings={KEY: run.name} | run.settings)
        kinds.setdefault((run.monitor, run.mode), {}).setdefault(run.datamodule, []).append(named)
    tables = []
    for (monitor, mode), of_data in kinds.items():
        for run in of_data.pop(None, []):  # failed or was cut off before it had data
            of_data.setdefault(_likely_data(run, of_data), []).append(run)
        for data, together in of_data.items():
            tables += [table_of(str(data), monitor, mode, members) for members in by_task(together)]
    return sorted(tables, key=lambda table: (table.name, table.data, table.monitor))


def _likely_data(run: Run, of_data: dict[str | None, list[Run]]) -> str:
    """What the other runs with its datamodule had, where that is one thing: MNIST may have been replaced by digits."""

    def read(one: Run) -> list[str | None]:
        return [one.settings.get(f"datamodule.{key}") for key in ("_target_", "dataset")]

    own = [data for data, runs in of_data.items() if any(one.name == run.name for one in runs)]
    same = [data for data in own or of_data if any(read(one) == read(run) for one in of_data[data])] or own
    found = [data for data in (same or of_data) if data is not None]
    return found[0] if len(found) == 1 else "unknown"


def table_of(data: str, monitor: str, mode: str, runs: list[Run]) -> Table:
    """Runs that can be ranked, in groups."""
    names = sorted({run.name for run in runs})
    name = ", ".join(names) if len(names) <= NAMED else f"{len(names)} experiments"
    keys = varied([run.settings for run in runs])
    members: dict[tuple[str | None, ...], list[Run]] = {}
    for run in runs:
        members.setdefault(tuple(run.settings.get(key) for key in keys), []).append(run)
    sorted_out = [_sort_out(group) for same in members.values() for group in apart_by_data(same)]
    ranked = [(used, left_out) for used, left_out in sorted_out if used]
    rest = [(used, left_out) for used, left_out in sorted_out if not used]
    groups = _named(name, ranked)  # a run that failed shall not make the names of the others longer
    groups += _named(name, [*ranked, *rest])[len(ranked) :]
    sign = -1 if mode == "max" else 1
    groups.sort(key=lambda group: sign * group.value.mean if group.value else float("inf"))
    return Table(name, data, monitor, mode, groups, keys)


def _sort_out(runs: Sequence[Run]) -> tuple[list[Run], list[tuple[Run, str]]]:
    """The runs that count, and the others with the reason: of two with the same seed the newer one counts."""
    used: dict[object, Run] = {}
    left_out: list[tuple[Run, str]] = []
    for run in sorted(runs, key=lambda run: (-run.time, str(run.folder))):
        reason = _reason(run)
        key = run.seed if run.seed is not None else run.folder  # without a seed no two runs are the same
        if reason is None and key in used:
            reason = f"seed {run.seed} again; the newer {clean(used[key].folder.name)} counts"
        if reason is None:
            used[key] = run
        else:
            left_out.append((run, reason))
    by_seed = sorted(used.values(), key=lambda run: (run.seed is None, run.seed or 0))
    return by_seed, left_out


def _reason(run: Run) -> str | None:
    """Why a run cannot count."""
    if run.status != "completed":
        return f"{run.status}: {clean(run.error)}" if run.error else run.status
    if run.value is not None:
        return None
    if run.monitor in run.metrics:
        return f"{clean(run.monitor)} is {run.metrics[run.monitor]}"
    return f"{clean(run.monitor)} was not measured"


def _named(name: str, groups: Sequence[tuple[list[Run], list[tuple[Run, str]]]]) -> list[Group]:
    first = [used[0] if used else left_out[0][0] for used, left_out in groups]
    members = [[*used, *(run for run, _ in left_out)] for used, left_out in groups]
    overrides = [[override for run in runs for override in run.overrides] for runs in members]
    named = name_parts([run.settings for run in first], overrides, lambda i, kind: choice(first[i], kind))
    result = []
    for (used, left_out), parts in zip(groups, named, strict=True):
        parts = {clean(key): clean(value) for key, value in parts.items()}
        label = ", ".join(f"{key}={value}" for key, value in parts.items()) or clean(name)
        value = summary([run.metrics[run.monitor] for run in used]) if used else None
        result.append(Group(label, parts, used, left_out, value))
    return result
