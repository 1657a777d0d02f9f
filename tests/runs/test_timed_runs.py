"""Whole runs whose series are packed, and whose core is told how much time lies between rows."""

import re
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
import torch

from seqmodels import load_run
from seqmodels.exporting.run import export
from seqmodels.predicting.predictor import Predictor
from seqmodels.runs.run import compose, train
from tests.conftest import Command
from tests.support.attempts import assert_same_run, cut_and_resumed, whole

TIMED = [
    "datamodule=series", "module=regressor", "trainer=cpu", "threads=1", "trainer.max_epochs=2", "monitor=val/loss",
    "mode=min", "trainer.log_every_n_steps=1", "trainer.val_check_interval=7", "core=lru", "core.hidden_size=8",
    "checkpoint.every_n_steps=4", "datamodule.files=[visits.csv]",
    "datamodule.inputs=[dose]", "datamodule.targets=[level]", "datamodule.time=t", "datamodule.group=patient",
    "datamodule.window=12", "datamodule.num_streams=2", "datamodule.warmup=1000", "datamodule.packed=true",
    "datamodule.gaps=dt", "datamodule.cache=cache", "callbacks=[guards,checkpoints]",
]  # fmt: skip


def visits(patients: int = 20) -> list[tuple[str, float, float, float]]:
    """Patient, time, dose and level: 6 to 20 visits each, from a quarter of a day to a week apart; doses wear off."""
    generator, found = np.random.default_rng(0), []
    for patient in range(patients):
        t = level = 0.0
        for _ in range(generator.integers(6, 20)):
            passed, dose = generator.choice([0.25, 1.0, 1.0, 1.0, 7.0]), round(float(generator.random()), 3)
            t, level = t + passed, level * 0.7**passed + dose
            found.append((f"p{patient}", t, dose, round(level, 5)))
    return found


@pytest.fixture(autouse=True)
def _visits() -> None:
    lines = [f"{patient},{t},{dose},{level}\n" for patient, t, dose, level in visits()]
    Path("visits.csv").write_text("patient,t,dose,level\n" + "".join(lines))


def test_predictions_and_test_are_those_of_each_series_read_alone() -> None:
    """In one pass with the time between its rows, whatever the lanes and windows were."""
    words = [*TIMED, "trainer.max_epochs=1"]
    measured = train(compose(words), "run", words).metrics["test/mae"]
    run = load_run("run")
    predictor, errors = Predictor(run), []
    for patient, rows in groupby(visits(), lambda row: row[0]):
        _, t, dose, level = (np.array(column) for column in zip(*rows, strict=True))
        dt = torch.ones(1, len(t))
        dt[0, 1:] = torch.from_numpy(np.diff(t))
        x = torch.from_numpy(dose).float().reshape(1, -1, 1)
        with torch.no_grad():
            y = run.module(x, dt=dt)[0][0, :, 0].numpy()
            assert abs(y - run.module(x)[0][0, :, 0].numpy()).max() > 1e-3
        rows_alone = [predictor.step([d], id=patient, time=float(at))[0] for d, at in zip(dose, t, strict=True)]
        np.testing.assert_allclose(rows_alone, y, atol=1e-5)
        test = round(len(t) * 0.1)
        errors.append(np.abs(y - level)[len(t) - test :].mean() if test else np.nan)
    assert measured == pytest.approx(np.nanmean(errors), rel=1e-4)
    with pytest.raises(ValueError, match="the time is missing, and the model reads how much has gone by"):
        predictor.step([0.0], id="p1")


@pytest.mark.slow
def test_it_resumes_exactly() -> None:
    words = [*TIMED, "module.backprop_windows=2", "module.burn_in=3"]
    assert_same_run(cut_and_resumed(words, [5, 11]), whole(words))


def test_a_core_that_reads_no_time_is_refused(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(*TIMED, "core=min_gru") == 1
    said = capsys.readouterr().err
    assert re.search(
        r"datamodule.gaps=dt tells .* choose one that does \(core=.*lru, .*\), or datamodule.gaps=ignore", said
    )


@pytest.mark.slow
@pytest.mark.parametrize("format", ["onnx", "torch"])
def test_an_export_takes_the_time(format: str, invoke: Command) -> None:
    words = [*TIMED, "trainer.max_epochs=1"]
    train(compose(words), "run", words)
    assert len(export("run", format=format).differences) == 2
    if format == "onnx":
        found = []
        for name, more in (("torch", []), ("onnx", ["runtime=onnx"]), ("chunks", ["runtime=onnx", "chunk=5"])):
            assert invoke("predict", "run=run", "input=visits.csv", f"output={name}.csv", *more) == 0
            found.append(np.loadtxt(f"{name}.csv", delimiter=",", skiprows=1, usecols=3))
        np.testing.assert_allclose(found[1:], [found[0]] * 2, atol=1e-5)
