"""Adding and copying as runs: learned, resumed, tested again, exported, drawn, shared by processes."""

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from seqmodels.callbacks.figures.labelling import strips_figure
from seqmodels.callbacks.figures.scatter import scatter_figure
from seqmodels.runs.evaluate import evaluate
from seqmodels.runs.load import load_run
from seqmodels.runs.run import compose, train
from tests.conftest import Command
from tests.support.attempts import assert_same_run, cut_and_resumed, whole

SMALL = [
    "trainer=cpu", "threads=1", "monitor=val/loss", "mode=min", "trainer.val_check_interval=8",
    "datamodule.val_size=30", "datamodule.test_size=50", "datamodule.eval_batch_size=20", "trainer.log_every_n_steps=1",
]  # fmt: skip
ADDING = [*SMALL, "datamodule=adding", "module=regressor", "datamodule.steps=8", "core.hidden_size=8"]
COPY = [*SMALL, "datamodule=copy", "module=labeller", "datamodule.delay=3", "core.hidden_size=8"]
SHORT = ["datamodule.train_size=120", "datamodule.batch_size=10", "trainer.max_epochs=2", "checkpoint.every_n_steps=3"]
both = pytest.mark.parametrize("words", [ADDING, COPY], ids=["adding", "copy"])


def loss(folder: Path) -> tuple[float, dict[str, dict[str, float]]]:
    """test/loss and the baselines."""
    results = json.loads((folder / "results.json").read_text())
    return results["metrics"]["test/loss"], results["baselines"]


@pytest.mark.slow
@both
def test_cut_off_twice(words: list[str]) -> None:
    words = [*words, *SHORT]
    assert_same_run(cut_and_resumed(words, [5, 16]), whole(words))


@pytest.mark.slow
@both
def test_cut_off_with_another_number_of_workers(words: list[str]) -> None:
    words = [*words, *SHORT]
    assert_same_run(cut_and_resumed(words, [7, 13], ["datamodule.num_workers=2"]), whole(words))


def test_adding_is_learned(caplog: pytest.LogCaptureFixture) -> None:
    words = [*ADDING, "trainer.log_every_n_steps=50", "trainer.val_check_interval=200", "module.carry=false"]
    words += ["core.hidden_size=16", "optimizer.lr=0.02", "datamodule.train_size=20000"]
    with caplog.at_level("INFO"):
        result = train(compose([*words, "datamodule.steps=10"]))
    reached, baselines = loss(result.folder)
    assert baselines == {"constant": {"loss": 1 / 6}}
    assert reached < 0.02
    assert re.search(r"constant: loss +0\.166667\n", caplog.text)
    assert "is better than the model" not in caplog.text
    assert {path.stem for path in (result.folder / "figures").iterdir()} >= {"scatter", "stream_test"}


@pytest.mark.slow
def test_copy_is_learned(caplog: pytest.LogCaptureFixture) -> None:
    words = [*COPY, "trainer.log_every_n_steps=50", "trainer.val_check_interval=200", "datamodule.symbols=1"]
    words += ["core.hidden_size=24", "optimizer.lr=0.02", "datamodule.train_size=20000"]
    with caplog.at_level("INFO"):
        result = train(compose([*words, "datamodule.alphabet=4", "datamodule.delay=6"]))
    reached, baselines = loss(result.folder)
    assert baselines == {"memoryless": {"loss": pytest.approx(math.log(4) / 8)}}
    assert reached < 0.5 * baselines["memoryless"]["loss"]
    assert result.metrics["test/acc_scored"] > 0.8
    assert "is better than the model" not in caplog.text
    assert {path.stem for path in (result.folder / "figures").iterdir()} == {"labels"}


@both
def test_a_model_below_its_baseline_is_told_so(words: list[str], caplog: pytest.LogCaptureFixture) -> None:
    train(compose([*words, *SHORT, "trainer.max_steps=1", "logger=none", "callbacks=none", "test=last"]))
    name = "memoryless" if "datamodule=copy" in words else "constant"
    assert f"the baseline '{name}' is better than the model: test/loss " in caplog.text


@pytest.mark.slow
def test_a_copy_run_is_tested_again_and_exported(command: Command, invoke: Command) -> None:
    words = [*COPY, *SHORT, "hydra.run.dir=run"]
    assert command(*words) == 0
    run = load_run("run")
    x = torch.eye(10)[torch.randint(10, (2, 7))]
    logits, state = run.module(x)
    assert logits.shape == (2, 7, 10)
    assert [tensor.shape for tensor in state] == [(2, 1, 8)] * 2
    again = evaluate("run")
    assert again.metrics["test/loss"] == json.loads(Path("run/results.json").read_text())["metrics"]["test/loss"]
    longer = evaluate("run", overrides=["datamodule.delay=9"])
    assert loss(longer.folder)[1] == {"memoryless": {"loss": pytest.approx(10 * math.log(8) / 29)}}
    assert invoke("export", "run=run", "format=torch") == 0
    window = torch.export.load("run/export/window.pt2").module()
    torch.testing.assert_close(window(x, *run.module.core.initial_state(2))[0], logits)


def test_prediction_of_an_adding_run(command: Command, invoke: Command) -> None:
    """Row by row, as of any regressor; the `id` column tells sequences apart."""
    assert command(*ADDING, *SHORT, "trainer.max_steps=5", "hydra.run.dir=run") == 0
    run = load_run("run")
    window = run.datamodule.splits["test"].__getitems__(torch.arange(3))
    lines = [f"{i},{value},{marker}" for i, row in enumerate(window.x.tolist()) for value, marker in row]
    Path("in.csv").write_text("\n".join(["id,value,marker", *lines]))
    assert invoke("predict", "run=run", "input=in.csv", "output=out.csv", "id=id") == 0
    header, *rows = Path("out.csv").read_text().splitlines()
    assert header == "id,sum_pred"
    with torch.no_grad():
        expected = run.module(window.x)[0].flatten()
    np.testing.assert_allclose([float(row.split(",")[1]) for row in rows], expected, atol=1e-5)


def test_prediction_of_a_copy_run_is_refused(
    command: Command, invoke: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(*COPY, *SHORT, "trainer.max_steps=2", "hydra.run.dir=run") == 0
    Path("in.csv").write_text("a\n1\n")
    assert invoke("predict", "run=run", "input=in.csv", "output=out.csv") == 1
    assert "does labelling; only a regressor predicts streams step by step" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "module", "remedy"), [("copy", "classifier", "labeller"), ("adding", "labeller", "regressor")]
)
def test_a_module_of_another_task_is_refused(data: str, module: str, remedy: str) -> None:
    with pytest.raises(ValueError, match=f"use module={remedy} with it"):
        train(compose([f"datamodule={data}", f"module={module}"]))


@pytest.mark.slow
@both
def test_two_processes_reach_what_one_does(words: list[str]) -> None:
    """Training steps and the metrics of the test, up to rounding."""
    words = [*words, *SHORT, "monitor=train/loss", "mode=min", "callbacks=none", "logger=none", "test=last"]
    words.append("core.hidden_size=4")
    ours = train(compose(words)).metrics
    words = [word for word in words if word != "trainer=cpu"]
    program = [sys.executable, "-m", "seqmodels.train", *words, "trainer=ddp_cpu", "hydra.run.dir=two"]
    done = subprocess.run(program, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    theirs = json.loads(Path("two/results.json").read_text())["metrics"]
    for name in ("train/loss", "val/loss", "test/loss"):
        assert theirs[name] == pytest.approx(ours[name], rel=1e-4), name


def ink(figure: Figure) -> None:
    figure.savefig("figure.png")
    assert Path("figure.png").stat().st_size > 1000


@pytest.mark.parametrize("classes", [10, 40])
def test_strips(classes: int) -> None:
    labels = np.arange(3 * 12).reshape(3, 12) % classes
    predicted = labels.copy()
    predicted[1, 4] = predicted[1, 7] = (labels[1, 4] + 1) % classes
    strips = {"input": labels, "target": labels, "predicted": predicted}
    figure = strips_figure(strips, [f"c{i}" for i in range(classes)], "three")
    wrong = [[int(x) for x, _ in axes.collections[0].get_offsets()] for axes in figure.axes]
    assert wrong == [[], np.flatnonzero(predicted[1] != labels[1]).tolist(), []]
    assert bool(figure.legends) == (classes <= 20)
    ink(figure)


def test_scatter() -> None:
    figure = scatter_figure(torch.tensor([[0.0, 0.1], [1.0, 0.9], [2.0, 2.2]]), 7, "adding, test", "sum")
    (axes,) = figure.axes
    assert axes.get_title() == "adding, test\n3 of 7 steps that count"
    assert axes.get_xlabel() == "target sum"
    assert axes.get_xlim() == axes.get_ylim() == pytest.approx((-0.11, 2.31))
    ink(scatter_figure(torch.ones(5, 2), 5, "all the same"))
