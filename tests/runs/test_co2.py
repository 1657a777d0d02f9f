"""The experiment on real data: what it reads, how it is cut, and that it beats the forecasts that cost nothing."""

import csv
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.utils import instantiate

from seqmodels.datamodules.series.datamodule import SeriesStream
from seqmodels.runs.run import build, compose, train
from tests.conftest import ROOT

datasets = pytest.importorskip("statsmodels.datasets", reason="the series ships with statsmodels")
TRAIN, VAL = 1828, 2056  # the first rows of validation and of the test


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    """(2284,) as the file has them, NaN where one is missing, read by the standard library."""
    with (Path(datasets.__file__).parent / "co2" / "co2.csv").open(newline="") as file:
        return np.array([float(row["co2"] or "nan") for row in csv.DictReader(file)])


def datamodule(*words: str) -> SeriesStream:
    source = instantiate(compose(["datamodule=co2", "module=regressor", *words]).datamodule)
    source.prepare_data()
    source.setup("fit")
    return source


def test_rows_are_weeks(values: np.ndarray) -> None:
    """The column of dates is not read, so that nothing may be left out of it."""
    with (Path(datasets.__file__).parent / "co2" / "co2.csv").open(newline="") as file:
        dates = np.array(["-".join((d[:4], d[4:6], d[6:])) for d, _ in list(csv.reader(file))[1:]], "datetime64[D]")
    assert set(np.diff(dates)) == {np.timedelta64(7, "D")}
    assert (len(values), np.isnan(values).sum()) == (2284, 59)
    assert (str(dates[0]), str(dates[-1])) == ("1958-03-29", "2001-12-29")


@pytest.mark.parametrize("horizon", [1, 24])
def test_parts_and_statistics_are_those_of_the_file(values: np.ndarray, horizon: int) -> None:
    source = datamodule(f"datamodule.horizon={horizon}")
    known = values[:TRAIN]
    filled = np.array([known[: i + 1][~np.isnan(known[: i + 1])][-1] for i in range(TRAIN)])
    steps = source.facts()["parts"]
    assert (steps["val"], steps["test"]) == (228, 228)
    change = known[horizon:] - known[:-horizon]
    assert source.change_stats is not None
    assert source.target_scale is not None
    np.testing.assert_allclose(source.change_stats[0], np.sqrt(np.mean(np.diff(filled) ** 2)), rtol=1e-5)
    np.testing.assert_allclose(source.change_stats[1], np.sqrt(np.nanmean(change**2)), rtol=1e-5)
    np.testing.assert_allclose(source.target_scale, np.nanmean(np.abs(known[52:] - known[:-52])), rtol=1e-5)
    assert source.target_inputs == [0]


@pytest.mark.parametrize("horizon", [1, 24])
def test_baselines_are_those_of_the_file(values: np.ndarray, horizon: int) -> None:
    source = datamodule(f"datamodule.horizon={horizon}")
    test, scale = values[VAL:], source.target_scale
    assert not np.isnan(values[VAL - 52 :]).any()
    assert scale is not None
    for name, lag in (("naive", horizon), ("seasonal_naive", 52)):
        mae = np.abs(test - values[VAL - lag : -lag]).mean()
        measured = source.facts()["baselines"][name]
        assert measured["mae"] == pytest.approx(mae, rel=1e-5)
        assert measured["mase"] == pytest.approx(mae / scale[0], rel=1e-5)


def test_an_untrained_head_of_zeros_is_the_naive_forecast(tmp_path: Path) -> None:
    """The model's whole way through windows, warm-up and lanes gives the MASE of the baseline."""
    parts = build(compose(["+experiment=co2_24", "callbacks=none", "logger=none"]), tmp_path)
    torch.nn.init.zeros_(parts.module.head.weight)
    torch.nn.init.zeros_(parts.module.head.bias)
    (measured,) = parts.trainer.test(parts.module, datamodule=parts.datamodule, verbose=False)
    assert measured["test/mase"] == pytest.approx(parts.datamodule.facts()["baselines"]["naive"]["mase"], rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("experiment", "mase"), [("co2_1", 0.30), ("co2_24", 0.70)])
def test_it_beats_both_baselines(experiment: str, mase: float, tmp_path: Path) -> None:
    result = train(compose([f"+experiment={experiment}", "callbacks=[guards,checkpoints]"]), tmp_path / "run")
    baselines = json.loads((result.folder / "results.json").read_text())["baselines"]
    assert result.metrics["test/mase"] < mase < min(baseline["mase"] for baseline in baselines.values())


@pytest.mark.slow
def test_the_forecast_of_the_documentation_beats_what_costs_nothing(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "signals.md").read_text(encoding="utf-8")
    (block,) = (block for block in re.findall(r"```\n(.*?)```", text, re.DOTALL) if "datamodule.horizon=24" in block)
    words = shlex.split(block.replace("\\\n", ""))[3:]
    run = train(compose([*words, "trainer=cpu", "threads=1", "callbacks=checkpoints"]), tmp_path / "run")
    baselines = json.loads((run.folder / "results.json").read_text())["baselines"]
    assert run.metrics["test/mae"] < 0.5 * min(baseline["mae"] for baseline in baselines.values())
    assert run.metrics["test/r2"] > 0.9
