"""The laws of what is measured: no measure depends on a unit, an offset, the batches or the processes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from seqmodels.modules.metrics.classification import ClassScores
from seqmodels.modules.metrics.regression import RegressionErrors
from seqmodels.runs.run import build, compose

UNITS = [(1.0, 0.0), (50.0, 101325.0), (0.5, 293.0), (10.0, 1e6), (1e-5, 0.0), (1e4, -1e9)]
"""a and b: pressures in pascal, temperatures in kelvin, a counter, wavelengths in metres, a balance in cents."""

NOTHING = torch.zeros(0, dtype=torch.long)
"""What tells no rows apart."""

SMALL = [
    "trainer=cpu", "threads=1", "core.hidden_size=8", "trainer.max_epochs=1", "logger=none", "callbacks=none",
    "trainer.enable_progress_bar=false",
]  # fmt: skip
SERIES = [
    *SMALL, "datamodule=series", "module=regressor", "datamodule.files=[s.csv]", "datamodule.inputs=[x,y]",
    "datamodule.targets=[y]", "datamodule.horizon=1", "datamodule.cache=cache",
]  # fmt: skip


def reached(words: list[str]) -> dict[str, float]:
    """What the untrained model of a config reaches in the test, the same weights for all."""
    parts = build(compose(words), Path("run"))
    parts.trainer.test(parts.module, datamodule=parts.datamodule, verbose=False)
    return {name: float(value) for name, value in parts.trainer.callback_metrics.items()}


def signal(rows: int = 400) -> np.ndarray:
    """(rows, 2): a wave with a trend, and one that follows it."""
    t, noise = np.arange(rows), np.random.default_rng(0).normal(0, 0.3, (2, rows))
    return np.stack([np.sin(t / 9), np.cos(t / 9) + t / 300], 1) + noise.T


def write(path: str, values: np.ndarray, header: str = "x,y") -> None:
    np.savetxt(path, values, delimiter=",", header=header, comments="", fmt="%.17g")


@pytest.mark.parametrize(
    "words", [[], ["module.predict_change=true", "module.difference_inputs=true"]], ids=["levels", "changes"]
)
def test_a_run_measures_the_same_in_every_unit(words: list[str]) -> None:
    """But for float32, in which the values are kept: at 1e6 + 10 x they are rounded to 1/160 of their spread."""
    found = []
    for a, b in UNITS:
        write("s.csv", a * signal() + b)
        found.append(reached([*SERIES, *words]))
    for (a, b), measured in zip(UNITS, found, strict=True):
        rounding = abs(b / a) * 2**-24 + 1e-5
        assert measured["test/mae"] / a == pytest.approx(found[0]["test/mae"], abs=rounding), (a, b)
        for name in ("test/r2", "test/mase", "test/loss"):
            assert measured[name] == pytest.approx(found[0][name], rel=10 * rounding), (a, b, name)


def test_a_worthless_model_is_worth_nothing_however_small_the_unit() -> None:
    write("s.csv", 1e-6 * np.random.default_rng(1).normal(size=(400, 2)))
    assert reached(SERIES)["test/r2"] < 0.1


def test_a_classifier_reads_in_any_unit() -> None:
    found = []
    for a, b in UNITS:
        values = np.random.default_rng(0).normal(size=(40, 6))
        rows = [
            f"{number},{'ab'[number % 4 == 0]},{a * value + b}"
            for number, sequence in enumerate(values)
            for value in sequence
        ]
        Path("s.csv").write_text("id,label,x\n" + "\n".join(rows))
        words = ["datamodule=labelled_series", "datamodule.files=[s.csv]", "datamodule.id=id", "datamodule.label=label"]
        found.append(reached([*SMALL, *words, "datamodule.inputs=[x]", "datamodule.test_fraction=0.5"]))
        assert found[-1] == pytest.approx(found[0], rel=10 * (abs(b / a) * 2**-24 + 1e-5)), (a, b)


def errors(a: float = 1.0, b: float = 0.0, **arguments: Any) -> RegressionErrors:
    """Of three series and two targets, all numbers in the unit a y + b."""
    unit, level = a * np.array([2.0, 0.5]), a * np.array([[1.0, 2.0], [30.0, 4.0], [5.0, 6.0]]) + b
    scale = abs(a) * np.array([[1.0, 3.0], [10.0, 2.0], [0.5, 4.0]])
    return RegressionErrors("test", unit, level, scale, abs(a) * np.array([4.0, 3.0]), 2, 3, **arguments)


def batches(a: float = 1.0, b: float = 0.0) -> list[tuple[Tensor, ...]]:
    """Error, target, mask and series; what does not count is NaN."""
    dice = torch.Generator().manual_seed(0)
    made = []
    for series in ([0, 1, 1, 2], [2, 0, 0, 1], [1, 1, 1, 1]):
        error, y = (torch.randn(4, 5, 2, generator=dice, dtype=torch.float64) for _ in range(2))
        y = y * torch.tensor([1.0, 7.0]) + 10 * torch.tensor(series)[:, None, None]
        mask = torch.rand(4, 5, generator=dice) < 0.7
        y = torch.where(mask[..., None], a * y + b, torch.nan)
        made.append((torch.where(mask[..., None], error, torch.nan), y, mask, torch.tensor(series)))
    return made


def by_hand(a: float = 1.0) -> dict[str, float]:
    """The measures from all errors at once: of each target of each series, then the mean."""
    error, y, mask, series = (torch.cat(parts).numpy() for parts in zip(*batches(a), strict=True))
    metric, found = errors(a), []
    for one in range(3):
        own = mask & (series == one)[:, None]
        e, t = error[own] * metric.unit[one].numpy(), y[own]
        mae = np.abs(e).mean(0)
        r2 = 1 - (e**2).sum(0) / ((t - t.mean(0)) ** 2).sum(0)
        found.append({"mae": mae.mean(), "r2": r2.mean(), "mase": (mae / metric.scale[one].numpy()).mean()})
    means = {name: np.mean([one[name] for one in found]) for name in found[0]}
    return {"loss": (error[mask] ** 2).mean(), **means}


@pytest.mark.parametrize(("a", "b"), [*UNITS, (-3.0, 5.0), (1e-12, 1e-6), (1e9, 1e15)])
def test_regression_is_the_plain_formula_in_every_unit(a: float, b: float) -> None:
    metric = errors(a, b)
    for batch in batches(a, b):
        metric.update(*batch)
    expected = by_hand() | {"mae": abs(a) * by_hand()["mae"]}
    assert {name: float(value) for name, value in metric.compute().items()} == pytest.approx(expected, rel=1e-6)


def test_steps_may_be_of_different_series() -> None:
    """The same steps, laid out as rows that hold two series each."""
    rows, steps = errors(), errors()
    for error, y, mask, series in batches():
        rows.update(error, y, mask, series)
        halves = [torch.cat([one[::2], one[1::2]], 1) for one in (error, y, mask, series[:, None].expand(-1, 5))]
        steps.update(*halves)
    expected = {name: float(value) for name, value in rows.compute().items()}
    assert {name: float(value) for name, value in steps.compute().items()} == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("ranks", [2, 3])
def test_processes_add_up_to_one(ranks: int) -> None:
    """Each has its own part of every batch, or none; torchmetrics adds what they hold."""
    whole, parts = errors(), [errors() for _ in range(ranks)]
    for batch in batches():
        whole.update(*batch)
        for rank, part in enumerate(parts):
            part.update(*(tensor[rank::ranks] for tensor in batch))
    together = errors()
    for name, reduce in together._reductions.items():
        setattr(together, name, reduce(torch.stack([getattr(part, name) for part in parts])))
    together.update(*(tensor[:0] for tensor in batch))
    expected = {name: float(value) for name, value in whole.compute().items()}
    assert {name: float(value) for name, value in together.compute().items()} == pytest.approx(expected, rel=1e-12)
    assert {name: float(v) for name, v in together.pooled.items()} == pytest.approx(
        {name: float(v) for name, v in whole.pooled.items()}, rel=1e-12
    )


def test_pooled_is_one_series_of_all_steps() -> None:
    metric, one = errors(), RegressionErrors("test", [2.0, 0.5], 0.0, [4.0, 3.0], targets=2)
    for error, y, mask, series in batches():
        metric.update(error, y, mask, series)
        one.update(error, y, mask, series[:0])
    metric.compute()
    single = one.compute()
    assert {name: float(v) for name, v in metric.pooled.items()} == pytest.approx(
        {name: float(single[name]) for name in metric.pooled}, rel=1e-9
    )


def test_many_windows_do_not_round_the_sums() -> None:
    """10,000 windows of a target far from zero, whose level nobody told."""
    metric, y = RegressionErrors("test"), torch.full((1, 2, 1), 1e5)
    y[0, 1] += 1
    for _ in range(10_000):
        metric.update(torch.full((1, 2, 1), 0.25), y, torch.ones(1, 2).bool(), NOTHING)
    assert metric.compute()["r2"].item() == pytest.approx(1 - 0.25**2 / 0.25, rel=1e-5)


def test_a_target_that_stays_the_same() -> None:
    for error, expected in ((0.1, 0.0), (0.0, 1.0)):
        metric = RegressionErrors("test", level=[7.0])
        metric.update(torch.full((2, 3, 1), error), torch.full((2, 3, 1), 293.15), torch.ones(2, 3).bool(), NOTHING)
        assert metric.compute()["r2"].item() == expected


def test_classes_by_the_plain_formula() -> None:
    """Balanced accuracy against scikit-learn's, with classes that do not occur."""
    from sklearn.metrics import accuracy_score, balanced_accuracy_score

    dice = np.random.default_rng(0)
    target, predicted = np.where(dice.random(300) < 0.05, 2, dice.integers(0, 2, 300)), dice.integers(0, 3, 300)
    loss, scored = dice.random(300), dice.random(300) < 0.3
    metric = ClassScores(5)
    for part in np.array_split(np.arange(300), 7):
        metric.update(*(torch.from_numpy(values[part]) for values in (loss, predicted, target, scored)))
    expected = {
        "loss": loss.mean(),
        "acc": accuracy_score(target, predicted),
        "acc_balanced": balanced_accuracy_score(target, predicted),
        "acc_scored": accuracy_score(target[scored], predicted[scored]),
    }
    assert {name: float(value) for name, value in metric.compute().items()} == pytest.approx(expected, rel=1e-6)
