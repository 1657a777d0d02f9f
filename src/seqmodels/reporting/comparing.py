"""`--compare A B`: the difference of two groups, with its interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seqmodels.reporting.folders import runs_below
from seqmodels.reporting.groups import Group, Table, tables_of
from seqmodels.reporting.statistics import Difference, difference
from seqmodels.reporting.tasks import KEY
from seqmodels.reporting.wording import clean, interval, number


@dataclass(frozen=True)
class Comparison:
    """A against B.

    Attributes:
        a, b: their names.
        metrics: the monitor first, then what both measured on the test set.
        left_out: a sentence for each group of runs that do not count.
    """

    a: str
    b: str
    title: str
    mode: str
    metrics: dict[str, Difference]
    left_out: list[str]


def compare(tables: Sequence[Table], a: str, b: str) -> Comparison:
    """The difference A - B of the monitor and of the test metrics.

    Args:
        tables: to look for groups in.
        a, b: each a group's name, or such a part of it as no other group has, or a folder whose runs are one group.

    Raises:
        ValueError, OSError: no such group, several, none with a value, or two that cannot be compared.
    """
    (table_a, group_a), (table_b, group_b) = _pair(tables, a, b)
    for thing in ("data", "monitor", "mode"):
        of_a, of_b = getattr(table_a, thing), getattr(table_b, thing)
        if of_a != of_b:
            raise ValueError(f"{a} and {b} cannot be compared: their {thing} differs, {clean(of_a)} and {clean(of_b)}")
    if not {run.folder for run in group_a.runs}.isdisjoint(run.folder for run in group_b.runs):
        raise ValueError(f"{a} and {b} name the same runs ({group_a.label}); name two groups or folders")
    both = [name for name in table_a.test_metrics if name in table_b.test_metrics]
    metrics = {}
    for name in (table_a.monitor, *both):
        sides = [
            [(run.seed, run.metrics[name]) for run in group.runs if name in run.metrics] for group in (group_a, group_b)
        ]
        if all(sides):
            metrics[name] = difference(*sides)
    names = (group_a.label, group_b.label) if group_a.label != group_b.label else (clean(a), clean(b))
    return Comparison(
        *names, table_a.title, table_a.mode, metrics, _left_out(metrics[table_a.monitor], names, group_a, group_b)
    )


def rows(comparison: Comparison) -> list[list[str]]:
    """A heading, then a row for each metric."""
    table = [["metric", "A", "B", "A - B", "95 % interval", "n", "method"]]
    for name, one in comparison.metrics.items():
        like = (one.high - one.low) / 4 if one.high is not None and one.low is not None else None
        size = str(one.a.n) if one.method != "Welch" else f"{one.a.n} and {one.b.n}"
        means = [number(value.mean, like) for value in (one.a, one.b)]
        table.append([clean(name), *means, number(one.mean, like), interval(one), size, one.method])
    return table


def verdict(comparison: Comparison) -> str:
    """What the interval of the monitor says, in one sentence."""
    name, one = next(iter(comparison.metrics.items()))
    if one.low is None or one.high is None:
        return f"With a single run on a side {clean(name)} has no interval; more seeds would give one."
    if one.low <= 0 <= one.high:
        return f"The interval of {clean(name)} holds 0: these runs do not tell A and B apart."
    better = "A" if (one.mean > 0) == (comparison.mode == "max") else "B"
    return f"{better} is better in {clean(name)}: the interval of the difference does not hold 0."


Found = tuple[Table, Group]


def _pair(tables: Sequence[Table], a: str, b: str) -> tuple[Found, Found]:
    """The two groups; where names fit several, the two that differ in nothing but what the names say.

    Raises:
        ValueError: as `compare`.
    """
    of_a, of_b = _find(tables, a), _find(tables, b)
    if len(of_a) == len(of_b) == 1:
        return of_a[0], of_b[0]
    parts = [part for name in (a, b) for part in name.split(",")]
    said = {part.partition("=")[0].strip() for part in parts}
    for apart in (
        (said, said | {KEY}) if all("=" in part for part in parts) else ()
    ):  # with the core an experiment may differ
        pairs = [(one, other) for one in of_a for other in of_b if _differ_in(apart, one, other)]
        if len(pairs) == 1:
            return pairs[0]
    name, found = (a, of_a) if len(of_a) > 1 else (b, of_b)
    raise ValueError(f"--compare {name!r} fits {len(found)} groups; say more. {_names(found)}")


def _differ_in(keys: set[str], a: Found, b: Found) -> bool:
    rest_a, rest_b = ({key: value for key, value in group.parts.items() if key not in keys} for _, group in (a, b))
    return a[0] is b[0] and a[1] is not b[1] and rest_a == rest_b


def _find(tables: Sequence[Table], name: str) -> list[Found]:
    """By the whole name, by some of its parts, by a piece of it, or a folder, in this order."""
    everything = [(table, group) for table in tables for group in table.groups]
    wanted = {part.strip() for part in name.split(",")}
    attempts = [
        [pair for pair in everything if pair[1].label == name],
        [pair for pair in everything if wanted <= {f"{key}={value}" for key, value in pair[1].parts.items()}],
        [] if Path(name).is_dir() else [pair for pair in everything if name.lower() in pair[1].label.lower()],
    ]
    found = next((attempt for attempt in attempts if attempt), [])
    if not found and Path(name).is_dir():
        found = [(table, group) for table in tables_of(runs_below([Path(name)])[0]) for group in table.groups]
    if not found:
        raise ValueError(f"--compare {name!r} is neither a folder nor (a part of) a group's name; {_names(everything)}")
    valued = [pair for pair in found if pair[1].runs]
    if not valued:
        raise ValueError(f"--compare {name!r}: no run of it is completed with a finite value of the monitor")
    return valued


def _names(pairs: Sequence[tuple[Table, Group]]) -> str:
    names = [f"{group.label!r} ({table.title})" for table, group in pairs[:10]]
    more = f" and {len(pairs) - 10} more" if len(pairs) > 10 else ""
    return f"the groups are {'; '.join(names)}{more}" if names else "there are no groups"


def _left_out(one: Difference, names: tuple[str, str], *groups: Group) -> list[str]:
    sentences = []
    for name, group, alone in zip(names, groups, one.left_out, strict=True):
        if alone:
            seeds = ", ".join("without a seed" if seed is None else str(seed) for seed in alone)
            sentences.append(f"{name}: seeds {seeds} have no partner and are left out")
        sentences += [f"{name}: {clean(run.folder.name)} is left out, {reason}" for run, reason in group.left_out]
    return sentences
