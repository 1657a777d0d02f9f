"""What a test says beside its headline: each target, each series, and the baselines of both."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from seqmodels import load_run
from seqmodels.exporting.run import export
from seqmodels.predicting.predictor import Predictor
from seqmodels.runs.comparison import difference
from seqmodels.runs.evaluate import evaluate
from seqmodels.runs.run import build, compose, train
from tests.modules.test_metrics import SERIES
from tests.support.attempts import assert_same_run, cut_and_resumed, whole

RUN = [*SERIES, "datamodule.group=g", "callbacks=[checkpoints]", "trainer.max_epochs=2", "optimizer.lr=0.01"]
ONE = [*RUN, "datamodule.inputs=[y]"]


def write(path: str, **series: np.ndarray) -> None:
    rows = [f"{name},{','.join(map(repr, map(float, np.atleast_1d(row))))}" for name in series for row in series[name]]
    header = "g,y,z" if next(iter(series.values())).ndim == 2 else "g,y"
    Path(path).write_text(header + "\n" + "\n".join(rows) + "\n")


def wave(rows: int = 200, seed: int = 0) -> np.ndarray:
    return np.sin(np.arange(rows) / 5) + np.random.default_rng(seed).normal(0, 0.1, rows)


def results(folder: Path) -> dict:
    return json.loads((folder / "results.json").read_text())


def test_each_series_is_measured_in_its_own_scale(caplog: pytest.LogCaptureFixture) -> None:
    """Hyndman & Koehler (2006): the mean of what each series has; and the same in evaluate, on other rows too."""
    small, large, flat = wave(), 1000 * wave(seed=1), np.full(200, 5.0)
    write("s.csv", small=small, large=large, flat=flat)
    with caplog.at_level("INFO"):
        run = train(compose(ONE), "run", ONE)
    found = results(run.folder)
    series = {one["name"]: one for one in found["by_series"]}
    module, expected = load_run("run").module, {}
    for name, values in (("small", small), ("large", large)):
        values = values.astype(np.float32)
        y = module(torch.from_numpy(values[:, None])[None])[0][0, :-1, 0].detach().numpy()
        scale = np.abs(np.diff(values[:160])).mean()
        tested = np.arange(179, 199)
        naive = np.abs(values[tested + 1] - values[tested])
        error = np.abs(values[tested + 1] - y[tested])
        expected[name] = {"mae": error.mean(), "mase": error.mean() / scale}
        expected[name] |= {"naive_mae": naive.mean(), "naive_mase": naive.mean() / scale, "steps": 20}
        assert {key: series[name][key] for key in expected[name]} == pytest.approx(expected[name], rel=1e-3)
    assert series["flat"]["mase"] is None
    headline = np.mean([one["mase"] for one in expected.values()])
    assert found["metrics"]["test/mase"] == pytest.approx(headline, rel=1e-3)
    assert found["baselines"]["naive"]["mase"] == pytest.approx(
        np.mean([one["naive_mase"] for one in expected.values()]), rel=1e-6
    )
    assert found["metrics"]["test/mae"] == pytest.approx(np.mean([one["mae"] for one in series.values()]), rel=1e-5)
    assert found["pooled"]["mae"] == pytest.approx(found["metrics"]["test/mae"], rel=1e-5)
    assert found["pooled"]["mase"] != pytest.approx(headline, rel=0.1)
    worst = max(("small", "large"), key=lambda name: series[name]["mase"])
    lost = sum(one["naive_mase"] <= one["mase"] for one in (series["small"], series["large"]))
    assert f"mase is the mean of 2 series, {found['pooled']['mase']:.3g} pooled; worst {worst}, " in caplog.text
    assert f"; {lost} of 2 lose to naive; 1 without a mase" in caplog.text
    again = results(evaluate("run").folder)
    assert {key: again[key] for key in ("by_series", "pooled", "baselines")} == {
        key: found[key] for key in ("by_series", "pooled", "baselines")
    }
    write("new.csv", large=large[150:], unknown=small)
    other = results(evaluate("run", overrides=["datamodule.test_files=[new.csv]"]).folder)["by_series"]
    assert [one["name"] for one in other] == ["large", "unknown"]
    scales = [one["naive_mae"] / one["naive_mase"] for one in other]
    own = [np.abs(np.diff(values[:160])) for values in (small, large, flat)]
    assert scales == pytest.approx([own[1].mean(), np.concatenate(own).mean()], rel=1e-5), "that of all, if not known"


def test_lanes_do_not_mix_series() -> None:
    """Seven lanes, so that windows of several series stand in one batch."""
    write("s.csv", **{f"s{number}": 10.0**number * wave(90 + 7 * number, number) for number in range(5)})
    train(compose(ONE), "run", ONE)
    plain = results(evaluate("run", overrides=["datamodule.warmup=1000"]).folder)["by_series"]
    lanes = ["datamodule.num_streams=7", "datamodule.window=3", "datamodule.warmup=1000"]
    mixed = results(evaluate("run", overrides=lanes).folder)["by_series"]
    assert len(plain) == 5
    for one, other in zip(plain, mixed, strict=True):
        assert other.pop("name") == one.pop("name")
        assert other == pytest.approx(one, rel=1e-4)


@pytest.mark.slow
def test_two_processes_measure_what_one_does() -> None:
    write("s.csv", **{f"s{number}": 10.0**number * wave(90 + 7 * number, number) for number in range(3)})
    words = [*ONE, "trainer=ddp_cpu", "datamodule.num_streams=4", "test=last"]
    ranks = results(train(compose(words), "run", words).folder)
    alone = results(evaluate("run", "last").folder)
    assert ranks["metrics"]["test/mase"] == pytest.approx(alone["metrics"]["test/mase"], rel=1e-5)
    for one, other in zip(ranks["by_series"], alone["by_series"], strict=True):
        assert other.pop("name") == one.pop("name")
        assert other == pytest.approx(one, rel=1e-4)


def test_each_target_stands_for_itself(caplog: pytest.LogCaptureFixture) -> None:
    write("s.csv", a=np.stack([wave(), np.full(200, 3.0)], 1), b=np.stack([5 + wave(seed=2), wave(seed=3)], 1))
    words = [*RUN, "datamodule.inputs=[y,z]", "datamodule.targets=[y,z]"]
    with caplog.at_level("INFO"):
        found = results(train(compose(words), "run", words).folder)
    y, z = found["by_target"]
    assert (y["name"], z["name"]) == ("y", "z")
    assert found["metrics"]["test/mae"] == pytest.approx((y["mae"] + z["mae"]) / 2, rel=1e-5)
    assert found["baselines"]["naive"]["mae"] == pytest.approx((y["naive_mae"] + z["naive_mae"]) / 2, rel=1e-5)
    assert f"y  mae {y['mae']:.3g}, mase {y['mase']:.3g}" in caplog.text


@pytest.mark.parametrize(
    ("values", "words", "reason"),
    [
        (np.where(np.arange(200) < 170, 4.0, wave()), [], "its training rows never differ from those 1 row before"),
        (wave(), ["datamodule.season=200"], "season=200, but no stretch of training rows is longer than 160"),
    ],
    ids=["constant", "long season"],
)
def test_what_has_no_mase_says_why_and_is_held_against_naive_all_the_same(
    values: np.ndarray, words: list[str], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    write("s.csv", a=values)
    words = [*ONE, *words, "optimizer.lr=0.0"]
    found = results(train(compose(words), "run", words).folder)
    assert "test/mase" not in found["metrics"]
    assert found["mase_missing"] == {"y": reason}
    assert f"y has no mase: {reason}" in caplog.text
    assert "the baseline 'naive' is better than the model: test/mae " in caplog.text


@pytest.mark.parametrize(
    ("own", "other", "text"),
    [
        (0.139, 0.484, "71 % less"),
        (2, 1, "100 % more"),
        (1, 1, "the same"),
        (0.999, 1, "0.1 % less"),
        (1, 0, "more"),
    ],
)
def test_a_difference_in_words(own: float, other: float, text: str) -> None:
    assert difference(own, other) == text


def test_the_last_words_set_the_model_beside_naive(caplog: pytest.LogCaptureFixture) -> None:
    write("s.csv", a=wave())
    with caplog.at_level("INFO"):
        found = results(train(compose(ONE), "run", ONE).folder)
    own, naive = found["metrics"]["test/mae"], found["baselines"]["naive"]["mae"]
    assert f"  mae {own:.3g}, naive {naive:.3g}: {difference(own, naive)}\n" in caplog.text
    assert "by_series" not in found


PER_SERIES = [*ONE, "datamodule.normalize=per_series", "datamodule.num_streams=3"]


@pytest.mark.parametrize(
    "words", [[], ["module.predict_change=true", "module.difference_inputs=true"]], ids=["levels", "changes"]
)
def test_series_of_different_scale_are_read_each_by_its_own(words: list[str]) -> None:
    """Two series of one shape, x and 1e6 + 1000 x, train to the same as x twice, but for rounding."""
    words = [*PER_SERIES, *words, "module.backprop_windows=2"]
    found = []
    for a, b in ((1.0, 0.0), (1000.0, 1e6)):
        write("s.csv", small=wave(), large=a * wave(seed=1) + b)
        found.append(results(train(compose(words), f"run{a:g}", words).folder)["by_series"])
    for one, other in zip(*found, strict=True):
        assert other["mase"] == pytest.approx(one["mase"], rel=1e-2)
        assert other["r2"] == pytest.approx(one["r2"], rel=1e-2)


def test_per_series_goes_on_bit_for_bit_and_predicts_by_the_id_of_a_stream() -> None:
    write("s.csv", small=wave(), large=1000 * wave(seed=1))
    words = [*PER_SERIES, "module.backprop_windows=2", "trainer.log_every_n_steps=1", "checkpoint.every_n_steps=1"]
    words += ["callbacks=[guards,checkpoints]", "logger=default"]
    assert_same_run(cut_and_resumed(words, [2]), whole(words))
    again = evaluate("whole")
    assert again.metrics["test/mase"] == pytest.approx(results(Path("whole"))["metrics"]["test/mase"], rel=1e-6)
    run = load_run("whole")
    predictor, x = Predictor(run), (1000 * wave(seed=1))[:20, None].astype(np.float32)
    y = [predictor.step(row.tolist(), id="large")[0] for row in x]
    with torch.inference_mode():
        expected = run.module(torch.from_numpy(x)[None], None, torch.tensor([1]))[0][0, :, 0].tolist()
    assert y == pytest.approx(expected, rel=1e-4)
    with pytest.raises(ValueError, match=r"normalize=per_series: the training has no series 'other'"):
        predictor.step([1.0], id="other")
    with pytest.raises(ValueError, match="say which the rows of x belong"):
        run.module(torch.zeros(1, 3, 1))
    with pytest.raises(ValueError, match="a graph is not told which series"):
        export("whole")
    write("new.csv", other=wave())
    with pytest.raises(ValueError, match="normalize=per_series, but the training has no series 'other'"):
        evaluate("whole", overrides=["datamodule.test_files=[new.csv]"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["datamodule.missing=mask"],
            "normalize=per_series has no mean of all series that datamodule.missing=mask could",
        ),
        (["datamodule.normalize=each"], "normalize=each is not known; choose true, false or per_series"),
    ],
)
def test_what_per_series_cannot_be(words: list[str], message: str) -> None:
    write("s.csv", a=wave())
    with pytest.raises(ValueError, match=message):
        build(compose([*PER_SERIES, *words]), Path("run"))
