"""Accuracy by length, and what is reached for so many bytes of state, in a report."""

import re
from pathlib import Path
from typing import Any

from seqmodels.reporting.accuracy import accuracy_curves
from seqmodels.reporting.folders import runs_below
from seqmodels.reporting.groups import Table, tables_of
from seqmodels.reporting.state_size import by_state_size
from tests.support.report_runs import make_run

HERE = Path("outputs")


def told(*accuracies: Any) -> list[dict[str, Any]]:
    """Rows of results.json, of ten steps each."""
    return [
        {"from": 10 * i, "to": 10 * i + 9, "count": 5, "acc": one, "acc_scaled": one}
        for i, one in enumerate(accuracies)
    ]


def made(sizes: dict[int, list[dict[str, Any]] | None], key: str = "by_length") -> Table:
    """Two seeds of a group for each size of the core, which has four bytes a unit."""
    for size, rows in sizes.items():
        for seed in (1, 2):
            results = {"state_bytes": 4 * size, key: rows}
            make_run(HERE / f"{size}_{seed}", 0.5 + size / 1000, seed, results=results, core__hidden_size=size)
    (found,) = tables_of(runs_below([HERE])[0])
    return found


def test_each_group_has_a_curve_over_the_ranges_that_all_its_runs_have() -> None:
    table = made({16: told(1.0, 0.5), 32: told(0.9, 0.9, 0.8), 64: None})
    drawn = accuracy_curves(table)
    lines = re.findall(r'<polyline points="([^"]*)"[^>]*stroke-width="2.1"', drawn)
    assert sorted(len(points.split()) for points in lines) == [2, 2, 2, 3], "two curves, and two lines of the legend"
    assert "steps read" in drawn
    assert "hidden_size=16 (n=2)" in drawn
    assert "hidden_size=64" not in drawn, "what tells nothing is not named"


def test_pairs_are_called_pairs_and_what_is_damaged_is_passed_over() -> None:
    nonsense: list[Any] = [None, "row", {"from": "a", "to": 3, "acc": 1}, {"from": 1, "to": 10**400, "acc": 1.0}]
    nonsense += [{"from": 1, "to": 2, "acc": 10**400}, {"from": 1, "to": 2, "acc_scaled": "0.5"}]
    assert "pairs to be kept" in accuracy_curves(made({16: [*nonsense, *told(0.4)]}, "by_pairs"))


def test_nothing_is_drawn_where_nothing_is_told() -> None:
    table = made({16: [{"from": 1}], 32: None})
    assert accuracy_curves(table) == ""
    assert by_state_size(table) == "", "two sizes make no figure"


def test_a_dot_for_each_size_of_the_state() -> None:
    table = made({16: None, 32: None, 64: None})
    drawn = by_state_size(table)
    assert drawn.count("<circle") == 3
    assert "test/acc" in drawn
    assert "bytes of state of one stream" in drawn
    assert [run.state_bytes for run in table.runs] == [256, 256, 128, 128, 64, 64]
