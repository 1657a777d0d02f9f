"""metrics.csv keeps every row that was logged, wherever its writer is killed."""

import csv
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from seqmodels.loggers import local
from seqmodels.loggers.local import MetricsCSV
from seqmodels.system import files


def looked_at(act: Callable[[], Any], path: Path) -> list[list[dict[str, str]]]:
    """What a kill at each line of the writer's code would leave in the file."""
    seen = []

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in (local.__file__, files.__file__):
            return None
        with path.open(newline="") as file:
            seen.append(list(csv.DictReader(file)))
        return trace

    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(None)
    return seen


@pytest.fixture
def logger(tmp_path: Path) -> MetricsCSV:
    logger = MetricsCSV(tmp_path)
    for step in range(4):
        logger.log_metrics({"epoch": 0, "train/loss": 1 / (step + 1)}, step)
    return logger


def test_no_row_is_lost_when_a_resume_is_killed(logger: MetricsCSV) -> None:
    seen = looked_at(lambda: MetricsCSV(logger.path.parent).rewind(3), logger.path)
    assert len(seen) > 10
    assert [row["step"] for row in seen[-1]] == ["0", "1", "2"]
    assert all([row["step"] for row in rows[:3]] == ["0", "1", "2"] for rows in seen)


@pytest.mark.parametrize("step", [3, 4], ids=["in the last row", "in a row of its own"])
def test_no_row_is_lost_when_a_new_column_is_killed(logger: MetricsCSV, step: int) -> None:
    seen = looked_at(lambda: logger.log_metrics({"val/loss": 0.5}, step), logger.path)
    assert len(seen) > 10
    assert all([row["step"] for row in rows[:4]] == ["0", "1", "2", "3"] for rows in seen)
    logger.log_metrics({"val/acc": 0.25}, step)
    logger.log_metrics({"val/acc": 0.125}, step)
    logger.log_metrics({"train/loss": 0.5}, step + 1)
    with logger.path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == [str(number) for number in range(step + 2)]
    assert (rows[step]["val/loss"], rows[step]["val/acc"]) == ("0.5", "0.125")


def test_a_rewound_row_takes_what_still_comes_for_it(logger: MetricsCSV) -> None:
    again = MetricsCSV(logger.path.parent)
    again.rewind(3)
    again.log_metrics({"train/loss": 0.75}, 2)
    assert [row["train/loss"] for row in again._rows()] == ["1.0", "0.5", "0.75"]
