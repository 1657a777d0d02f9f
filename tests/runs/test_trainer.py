"""What a run says to Lightning's Trainer."""

import csv
from pathlib import Path

import pytest

from seqmodels.runs.run import compose, train
from tests.support.attempts import DIGITS


@pytest.mark.parametrize("limit", ["0.2", "2"])
def test_an_epoch_that_is_shorter_than_the_interval_is_validated_at_its_end(limit: str) -> None:
    folder = train(compose([*DIGITS, "trainer.max_epochs=2", f"trainer.limit_train_batches={limit}"])).folder
    with Path(folder, "metrics.csv").open() as file:
        steps = [int(row["step"]) for row in csv.DictReader(file) if row["val/loss"]]
    assert len(steps) == 2
    assert steps[1] == 2 * steps[0] + 1
