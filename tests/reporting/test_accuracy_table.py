"""benchmarks/accuracy.py: the rows of docs/benchmarks.md, of what `report` writes."""

import runpy
import sys
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.support.report_runs import make_run

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "accuracy.py"


def test_a_row_for_each_experiment(
    invoke: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = {"parameters": 1234, "steps": 100, "device": "cpu"}
    for seed, value, seconds in ((1, 0.91, 60.0), (2, 0.93, 120.0)):
        make_run(Path(f"runs/{seed}"), value, seed, results={**facts, "seconds": seconds})
    make_run(Path("runs/untested"), 0.9, 3, results={"metrics": {"val/acc": 0.9}})
    assert invoke("report", "runs") == 0
    monkeypatch.setattr(sys, "argv", ["accuracy.py", "runs/report.csv"])
    capsys.readouterr()
    runpy.run_path(str(SCRIPT), run_name="__main__")
    assert capsys.readouterr().out.splitlines()[2:] == [
        "| `toy` | 1,234 | 100 | 91.00 ± 1.41 | 1, 2 | 1.0 to 2.0 | cpu |"
    ]


def test_runs_that_measure_something_else_have_no_row(
    invoke: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(Path("runs/untested"), 0.9, results={"metrics": {"val/acc": 0.9}})
    assert invoke("report", "runs") == 0
    monkeypatch.setattr(sys, "argv", ["accuracy.py", "runs/report.csv"])
    capsys.readouterr()
    runpy.run_path(str(SCRIPT), run_name="__main__")
    assert len(capsys.readouterr().out.splitlines()) == 2
