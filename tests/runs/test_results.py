"""results.json: what is written is read back, and of a file from elsewhere whatever is of its kind."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seqmodels.runs.record import is_finished, mark_running
from seqmodels.runs.results import FILE, STATUSES, VERSION, Results, read_results

WHOLE = Results(
    status="completed",
    name="toy",
    datamodule="mnist",
    metrics={"val/acc": 0.9, "test/loss": float("inf")},
    monitor="val/acc",
    mode="max",
    overrides=["core=gru", "core.hidden_size=8"],
    seed=1,
    parameters=1000,
    steps=20,
    seconds=1.5,
    device="cpu, 1 thread",
    versions={"torch": "2.15.0"},
    git={"commit": "abc", "dirty": False},
    facts={"permutation": {"hash": "f00d"}, "baselines": {"last_value": {"loss": 0.3}}},
)
HERE = Path()


def write(**content: Any) -> None:
    Path(FILE).write_text(json.dumps(content))


@pytest.mark.parametrize("results", [WHOLE, Results(status="failed", error="the loss is nan")])
def test_what_is_written_is_read_back(results: Results) -> None:
    results.write(HERE)
    assert read_results(HERE) == results


def test_the_file_has_the_keys_that_other_tools_know() -> None:
    WHOLE.write(HERE)
    content = json.loads(Path(FILE).read_text())
    assert list(content)[:2] == ["version", "status"]
    assert (content["version"], content["permutation"], content["error"]) == (VERSION, {"hash": "f00d"}, None)
    assert "facts" not in content


def test_a_file_without_a_version_is_read_under_the_names_of_today() -> None:
    write(status="completed", overrides=["module.core.hidden_size=64"], split={"train": 5})
    found = read_results(HERE)
    assert found == Results(
        version=0, status="completed", overrides=["core.hidden_size=64"], facts={"split": {"train": 5}}
    )


def test_a_run_that_goes_on_counts_as_interrupted_and_nothing_else_of_it_changes() -> None:
    replace(WHOLE, version=0).write(HERE)
    assert is_finished(HERE)
    mark_running(HERE, [])
    assert read_results(HERE) == replace(WHOLE, status="interrupted")


def test_values_of_another_kind_count_as_missing() -> None:
    write(
        status="failed", metrics={"a": "high", "b": True, "c": 10**400, "d": 1}, seed=True, steps=float("nan"), git=[]
    )
    assert read_results(HERE) == Results(version=0, status="failed", metrics={"d": 1.0})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("[]", "holds list, not a run's results"),
        ("{}", f"status is None, none of {', '.join(STATUSES)}"),
        (json.dumps({"status": "completed", "version": VERSION + 1}), "use a later one"),
    ],
)
def test_what_is_no_file_of_ours_is_refused(content: str, message: str) -> None:
    Path(FILE).write_text(content)
    with pytest.raises(ValueError, match=f"results.json.*{message}"):
        read_results(HERE)
    assert not is_finished(HERE)
