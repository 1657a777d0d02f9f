"""Drawing is a guest: it fails no run, shows what it says, and takes any name for what it is."""

import csv
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from seqmodels.callbacks.figures.classification import ClassificationFigures, Shown, curve_figure
from seqmodels.callbacks.figures.scatter import ScatterFigure, scatter_figure
from seqmodels.datamodules.window import Window
from seqmodels.runs.run import compose, train
from seqmodels.searching.figures import leave_figures
from tests.support.attempts import DIGITS, SINE, callback

NAMES = [("a$b_{$c", "y$_{$"), ("$x$^$", r"a\$b$c^$"), ("_under", "_scores"), ("new\nline", "漢字")]


@pytest.fixture(autouse=True)
def _warnings_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)  # whatever a command before has left


class InTheWay(ScatterFigure):
    """Leaves a file where the folder of figures is to be, so that none can be written."""

    def on_test_start(self, trainer: Any, pl_module: Any) -> None:
        (Path(trainer.default_root_dir) / "figures").touch()


@pytest.mark.parametrize(("x", "y"), NAMES)
def test_a_name_may_hold_anything(
    x: str, y: str, caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    with Path("names$^$.csv").open("w", newline="") as file:
        csv.writer(file).writerows([[x, y], *np.random.default_rng(0).normal(size=(300, 2)).round(3).tolist()])
    words = [
        *("datamodule=series", "module=regressor", "trainer=cpu", "threads=1", "logger=csv", "core.hidden_size=4"),
        *("trainer.max_steps=2", "trainer.val_check_interval=1", "trainer.log_every_n_steps=1"),
        *("callbacks=[animation,diagnostics]", "callbacks.animation.windows=1"),
    ]
    cfg = compose([*words, "datamodule.files=[x]", "datamodule.inputs=[x]", "datamodule.targets=[y]"])
    cfg.datamodule.files, cfg.datamodule.inputs, cfg.datamodule.targets = ["names$^$.csv"], [x], [y]
    train(cfg, "run")
    assert "cannot draw" not in caplog.text
    assert len(list(Path("run/figures").iterdir())) == 5
    assert not [str(one.message) for one in recwarn if "Glyph" in str(one.message) or "legend" in str(one.message)]


def test_a_class_and_a_column_may_be_called_anything(recwarn: pytest.WarningsRecorder) -> None:
    shown = [Shown(torch.rand(5, 2), 0, 1, 0.7, 0.3)]
    legend = curve_figure(shown, ["$a^$", "_b"], ["_x", "$^$"], "").legends[0]
    assert [text.get_text().strip() for text in legend.get_texts()] == ["_x", "$^$"]
    assert not [one for one in recwarn if "legend" in str(one.message)]


@pytest.mark.parametrize("words", [SINE, DIGITS, ["datamodule=copy", "module=labeller", "trainer=cpu"]], ids=len)
def test_a_figure_that_cannot_be_written_fails_no_run(words: list[str], caplog: pytest.LogCaptureFixture) -> None:
    in_the_way = callback("InTheWay")
    in_the_way = [word.replace("tests.support.attempts", __name__) for word in in_the_way]
    words = [*words, "logger=csv", "trainer.max_steps=2", "core.hidden_size=4", *in_the_way]
    result = train(compose(words), "run", words)
    assert any(name.startswith("test/") for name in result.metrics)
    assert json.loads(Path("run/results.json").read_text())["status"] == "completed"
    assert "cannot draw, which changes nothing else" in caplog.text
    assert Path("run/figures").read_bytes() == b""


@pytest.mark.parametrize("words", [DIGITS, ["datamodule=copy", "module=labeller", "trainer=cpu"]], ids=len)
@pytest.mark.parametrize("name", ["animation", "live"])
def test_an_animation_ignores_a_classifier_and_a_labeller(
    words: list[str], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    words = [*words, "logger=csv", "test=false", "trainer.max_steps=2", "core.hidden_size=4", f"callbacks={name}"]
    train(compose(words), "run", words)
    assert "cannot draw" not in caplog.text
    assert not Path("run/figures").exists()


def drawn_pairs(points: int, batches: list[tuple[Tensor, Tensor]], monkeypatch: pytest.MonkeyPatch) -> tuple[Any, int]:
    """What `ScatterFigure` draws of targets and predictions (B, T), all of which count."""
    found: list[Any] = []
    module = "seqmodels.callbacks.figures.scatter"
    monkeypatch.setattr(f"{module}.publish", lambda *args: None)
    monkeypatch.setattr(f"{module}.scatter_figure", lambda pairs, *args: found.append((pairs, args[0])))
    data = type("Data", (), {"name": "", "target_names": [""]})
    trainer: Any = type("Trainer", (), {"is_global_zero": True, "global_rank": 0, "datamodule": data})
    figure = ScatterFigure(points)
    figure.on_test_start(trainer, None)  # type: ignore[arg-type]
    for y, predicted in batches:
        mask = torch.ones(y.shape, dtype=torch.bool)
        window = Window(y[..., None], y[..., None], mask[:, 0], mask)
        figure.on_test_batch_end(trainer, None, {"prediction": predicted[..., None], "mask": mask}, window, 0)  # type: ignore[arg-type]
    figure.on_test_end(trainer, None)  # type: ignore[arg-type]
    return found[0]


def test_the_scatter_is_of_the_whole_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state that is cold at first: errors of 1 in the first tenth, of 0.01 behind it."""
    y = torch.randn(200, 1, 100, generator=torch.Generator().manual_seed(0))
    error = torch.where(torch.arange(200) < 20, 1.0, 0.01)[:, None, None]
    predicted = y + error * torch.randn(y.shape, generator=torch.Generator().manual_seed(1))

    def r2(pairs: Tensor) -> float:
        return float(1 - (pairs[:, 0] - pairs[:, 1]).square().mean() / pairs[:, 0].var())

    pairs, seen = drawn_pairs(2000, list(zip(y, predicted, strict=True)), monkeypatch)
    assert (len(pairs), seen) == (2000, 20_000)
    assert r2(pairs) == pytest.approx(r2(torch.stack([y.flatten(), predicted.flatten()], 1)), abs=0.03)
    title = scatter_figure(pairs, seen, "sine, test").axes[0].get_title()
    assert title == "sine, test\n2,000 of 20,000 steps that count"


def test_any_step_may_be_drawn_and_none_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = torch.arange(12_000.0).view(300, 2, 20)
    pairs, _ = drawn_pairs(600, [(part, part) for part in steps], monkeypatch)
    drawn = pairs[:, 0].long()
    assert len(drawn.unique()) == 600
    assert (drawn.diff() > 0).all()
    assert torch.bincount(drawn // 1200, minlength=10).min() > 30
    assert torch.bincount(drawn % 20, minlength=20).min() > 10  # every place of a window
    few, seen = drawn_pairs(600, [(steps[0], steps[0])], monkeypatch)
    assert len(few) == seen == 40
    assert scatter_figure(few, seen, "").axes[0].get_title() == "\nall 40 steps that count"


def test_the_worst_mistakes_are_drawn_and_not_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over batches, against sorting all samples at once."""
    generator = torch.Generator().manual_seed(0)
    logits, target = torch.randn(90, 3, generator=generator), torch.arange(90) % 3
    x = torch.arange(90.0)[:, None, None].expand(-1, 4, 1)
    figure = ClassificationFigures(mistakes=12)
    for rows in torch.arange(90).split(20):
        outputs = {"logits": logits[rows], "target": target[rows]}
        figure.on_test_batch_end(None, None, outputs, (x[rows], target[rows]), 0)  # type: ignore[arg-type]
    wrong = logits.argmax(1) != target
    of_target = logits.softmax(1)[torch.arange(90), target]
    expected = [int(i) for i in of_target.argsort() if wrong[i]][:12]
    assert [int(sample.x[0, 0]) for sample in figure._worst] == expected
    assert expected != wrong.nonzero()[:12, 0].tolist()


def test_a_search_whose_figures_cannot_be_written_ends_well(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    import optuna

    (tmp_path / "figures").touch()
    study = optuna.create_study()
    study.add_trial(optuna.trial.create_trial(value=1.0))
    search: Any = type("Search", (), {"folder": tmp_path, "seed": 0})
    leave_figures(study, search)
    assert "cannot draw" in caplog.text
