"""Of which weights a run's numbers are: results.json, the last words, a report and a study go by one rule."""

import csv
import json
from pathlib import Path

import pytest

from seqmodels.checkpoints.callbacks import BestCheckpoint
from seqmodels.config.migrate import migrated_checkpoint
from seqmodels.reporting.runs import read_run
from seqmodels.runs.evaluate import evaluate
from seqmodels.runs.results import Reached, read_results
from seqmodels.runs.run import compose, resume, train
from tests.support.attempts import OWN, SINE, cut_off

GETS_WORSE = [*SINE, "optimizer.lr=0.3"]
"""The best of its four validations is not the last one."""


def validations(folder: Path, metric: str = "val/r2") -> list[float]:
    with (folder / "metrics.csv").open() as file:
        return [float(row[metric]) for row in csv.DictReader(file) if row[metric]]


def test_all_metrics_are_of_the_weights_that_were_tested(capsys: pytest.CaptureFixture[str]) -> None:
    result = train(compose(GETS_WORSE), "run")
    values = validations(Path("run"))
    best, last = values.index(max(values)), values[-1]
    assert best < 3, values
    found = read_results(Path("run"))
    assert (found.weights, found.steps) == ("best", 24)
    assert found.best is not None
    assert found.last is not None
    assert (found.best.step, found.best.metrics["val/r2"]) == (6 * (best + 1), values[best])
    assert (found.last.step, found.last.metrics["val/r2"]) == (24, last)
    assert result.monitor == found.metrics["val/r2"] == values[best]
    assert found.metrics["val/loss"] == found.best.metrics["val/loss"] == validations(Path("run"), "val/loss")[best]
    again = evaluate("run", "best")
    assert again.metrics["test/r2"] == pytest.approx(found.metrics["test/r2"], rel=1e-6)
    assert (read_results(again.folder).weights, read_results(again.folder).facts["step"]) == ("best", found.best.step)
    assert read_run(Path("run")).value == values[best]


@pytest.mark.parametrize(("test", "weights"), [("last", "last"), ("false", "best")])
def test_without_a_test_of_the_best_weights(test: str, weights: str) -> None:
    result = train(compose([*GETS_WORSE, f"test={test}"]), "run")
    values = validations(Path("run"))
    found = read_results(Path("run"))
    assert found.weights == weights
    assert result.monitor == read_run(Path("run")).value == (values[-1] if weights == "last" else max(values))


def test_without_checkpoints_there_are_only_the_last_weights() -> None:
    result = train(compose([*GETS_WORSE, "callbacks=none"]), "run")
    assert (read_results(Path("run")).weights, result.monitor) == ("last", validations(Path("run"))[-1])


def test_the_last_words_say_of_which_weights_they_are(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    train(compose([*GETS_WORSE, "trainer.max_steps=26"]), "run")
    found = read_results(Path("run"))
    assert found.best is not None
    assert found.last is not None
    last = f"(last: val/r2 {found.last.metrics['val/r2']:.6g} at step 24)"
    assert f" the best by val/r2, of step {found.best.step} of 26 {last}\n" in caplog.text
    caplog.clear()
    train(compose([*GETS_WORSE, "trainer.max_steps=26", "test=last"]), "last")
    assert "the last, of step 26, validated at step 24 (best: val/r2 " in caplog.text


def test_what_one_batch_measured_is_no_result_unless_the_run_is_after_it() -> None:
    digits = ["datamodule=digits", "threads=1", "trainer.max_steps=2", "trainer.log_every_n_steps=1", "trainer=cpu"]
    assert "train/acc" not in train(compose(digits), "run").metrics
    monitored = train(compose([*digits, "monitor=train/loss", "mode=min"]), "monitored")
    assert monitored.monitor == monitored.metrics["train/loss"]


def test_a_run_that_goes_on_still_knows_its_best_validation() -> None:
    train(compose(GETS_WORSE), "whole")
    folder = cut_off(GETS_WORSE, 20)
    assert resume(folder, trust=OWN)
    whole, resumed = read_results(Path("whole")), read_results(folder)
    assert whole.best == resumed.best is not None
    assert whole.metrics == resumed.metrics


def test_a_checkpoint_of_an_earlier_build_still_knows_its_best_value() -> None:
    old = {"callbacks": {"BestCheckpoint": {"best": 0.0}}, "config": {"monitor": "val/acc"}}
    best = BestCheckpoint("val/acc", "max")
    best.load_state_dict(migrated_checkpoint(old)["callbacks"]["BestCheckpoint"])
    assert (best.best, best.reached) == (0.0, {"best": {"step": None, "metrics": {"val/acc": 0.0}}})


def test_a_report_takes_the_best_value_of_an_earlier_builds_run_from_its_curve() -> None:
    train(compose(GETS_WORSE), "run")
    content = json.loads(Path("run/results.json").read_text())
    values = validations(Path("run"))
    del content["weights"], content["best"], content["last"]
    content |= {"version": 1, "metrics": content["metrics"] | {"val/r2": values[-1]}}
    Path("run/results.json").write_text(json.dumps(content))
    assert read_run(Path("run")).value == max(values) > values[-1]


def test_damaged_words_about_weights_count_as_missing() -> None:
    content = {
        "status": "completed",
        "weights": "heavy",
        "best": [1],
        "last": {"step": "3", "metrics": {"val/r2": "x"}},
    }
    Path("results.json").write_text(json.dumps(content))
    found = read_results(Path())
    assert (found.weights, found.best, found.last) == (None, None, Reached(None, {}))
