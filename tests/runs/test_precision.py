"""Runs in other precisions than float32: to the end with their test and figures, evaluated, resumed, in any unit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqmodels import load_run
from seqmodels.predicting.predictor import Predictor
from seqmodels.runs.evaluate import evaluate
from seqmodels.runs.load import LoadedRun
from seqmodels.runs.run import compose, train
from tests.support.attempts import DIGITS, SINE, assert_same_run, checkpoint, cut_and_resumed

KINDS = {
    "images": [*DIGITS, "trainer.max_epochs=1"],
    "stream": [*SINE, "trainer.max_steps=10"],
    "labels": ["datamodule=copy", "datamodule.delay=3", "datamodule.batch_size=64", "trainer.limit_train_batches=8",
               "trainer.limit_val_batches=1", "trainer.limit_test_batches=1", "core.hidden_size=8", "threads=1",
               "module=labeller", "monitor=val/loss", "mode=min", "trainer=cpu", "trainer.log_every_n_steps=1",
               "datamodule.train_size=512", "checkpoint.every_n_steps=2"],
}  # fmt: skip
TRUE = {"64-true": torch.float64, "16-true": torch.float16, "bf16-true": torch.bfloat16}


def words(kind: str, precision: str) -> list[str]:
    return [*KINDS[kind], f"trainer.precision={precision}", "optimizer.eps=0.0001", "scheduler=none"]


@pytest.mark.parametrize("precision", TRUE)
@pytest.mark.parametrize("kind", ["images", "stream", pytest.param("labels", marks=pytest.mark.slow)])
def test_a_run_in_another_precision(kind: str, precision: str) -> None:
    """Its weights are of it; what it measures is near to float32's, and is measured again."""
    lean = [] if precision == "bf16-true" else ["callbacks=[checkpoints,guards]"]
    result = train(compose([*words(kind, precision), *lean]), "run")
    weights: dict[str, Any] = checkpoint(result.folder)["state_dict"]
    assert weights["head.weight"].dtype == TRUE[precision]
    assert precision == "64-true" or weights["input_mean"].dtype == torch.float32
    assert evaluate("run").metrics["test/loss"] == result.metrics["test/loss"]
    single = train(compose([*words(kind, "32-true"), "callbacks=[checkpoints,guards]"]), "single").metrics
    assert result.metrics["test/loss"] == pytest.approx(single["test/loss"], rel=0.05)
    run = load_run("run")
    assert run.module.head.weight.dtype == (torch.float64 if precision == "64-true" else torch.float32)
    kept = torch.load(run.checkpoint, weights_only=True)["state_dict"]["head.weight"]
    assert torch.equal(run.module.head.weight, kept.to(run.module.head.weight.dtype))
    if kind == "stream":
        assert_predicts_as_a_whole(run)


def assert_predicts_as_a_whole(run: LoadedRun) -> None:
    """Row by row what a test reads at once: rows of float32 in the precision of the weights."""
    rows = torch.tensor([[0.1], [0.7], [-0.3]])
    with torch.inference_mode():
        whole = run.module(rows[None].to(run.module.head.weight.dtype))[0][0]
    predictor = Predictor(run)
    alone = torch.tensor([predictor.step(row) for row in ([0.1], [0.7], [-0.3])], dtype=whole.dtype)
    torch.testing.assert_close(alone, whole)


@pytest.mark.slow
@pytest.mark.parametrize("precision", TRUE)
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_in_another_precision_goes_on(kind: str, precision: str) -> None:
    lean = [*words(kind, precision), "callbacks=[checkpoints,guards]", "test=false"]
    assert_same_run(cut_and_resumed(lean, [5]), train(compose(lean), "whole").folder)


def test_a_checkpoint_is_read_in_its_own_precision() -> None:
    """Float32, in which a model is made, would round it: a resumed run has the bits of one that was not stopped."""
    lean = [*words("stream", "64-true"), "callbacks=[checkpoints,guards]", "test=false"]
    assert_same_run(cut_and_resumed(lean, [5]), train(compose(lean), "whole").folder)


@pytest.mark.parametrize("precision", ["16-true", "bf16-true"])
def test_half_precision_in_any_unit(precision: str) -> None:
    """A pressure in pascal is infinite in float16, and has no digits left behind the mean in bfloat16."""
    pressure = 101325 + 50 * np.sin(np.arange(2000) / 5)
    Path("air.csv").write_text("p\n" + "\n".join(map(str, pressure)) + "\n")
    series = ["datamodule=series", "datamodule.files=[air.csv]", "datamodule.inputs=[p]", "datamodule.targets=[p]",
              "datamodule.horizon=1", "datamodule.window=10", "datamodule.num_streams=4", "datamodule.cache=cache",
              "module=regressor", "core=gru", "core.hidden_size=16", "optimizer.lr=0.01", "optimizer.eps=0.0001",
              "trainer=cpu", "threads=1", "trainer.max_epochs=8", "callbacks=[checkpoints,guards]", "monitor=val/loss",
              "mode=min", f"trainer.precision={precision}"]  # fmt: skip
    metrics = train(compose(series), "run").metrics
    assert metrics["test/r2"] > 0.9


@pytest.mark.slow
def test_a_running_mean_in_half_precision_goes_on() -> None:
    """The sum of the losses outgrows bfloat16 after some hundred steps."""
    long = [*SINE, "callbacks=[checkpoints,guards]", "trainer.max_steps=900",
            "trainer.val_check_interval=900", "core.hidden_size=2", "datamodule.window=1",
            "checkpoint.every_n_steps=null", "datamodule.num_streams=1",
            "optimizer.lr=0.0", "logger=none", "scheduler=none"]  # fmt: skip
    means = []
    for precision in ("bf16-true", "32-true"):
        folder = train(compose([*long, f"trainer.precision={precision}"]), precision).folder
        carry = checkpoint(folder)["carry"]
        means.append(carry["loss_sum"][0] / carry["windows"])
    assert means[0] == pytest.approx(means[1], rel=0.02)


def test_an_eps_that_float16_loses_is_refused() -> None:
    with pytest.raises(ValueError, match=r"optimizer.eps=1e-08 is too small for trainer.precision=16-true"):
        train(compose([*SINE, "trainer.precision=16-true"]), "run")
