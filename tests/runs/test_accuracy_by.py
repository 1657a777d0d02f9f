"""The accuracy of a test told apart by length: what stands in results.json is what the module says, counted anew."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from seqmodels.callbacks.figures.accuracy import accuracy_figure
from seqmodels.datamodules.window import AccuracyBy
from seqmodels.runs.evaluate import evaluate
from seqmodels.runs.load import load_run
from seqmodels.runs.run import compose, train

RUN = [
    "datamodule=formal_language", "datamodule.language=cycle_navigation", "datamodule.train_size=20", "trainer=cpu",
    "datamodule.batch_size=10", "datamodule.val_size=4", "datamodule.test_size=90", "datamodule.eval_batch_size=40",
    "datamodule.test_lengths=[5,16]", "datamodule.val_lengths=[5,16]", "datamodule.bins=3", "core.hidden_size=4",
    "logger=none", "callbacks=[guards,checkpoints]", "monitor=val/acc_scaled", "mode=max",
]  # fmt: skip


def by_hand(answers: str) -> tuple[Tensor, Tensor]:
    """Of each answer that counts the length of its prefix, and whether the run has it right."""
    run = load_run("run")
    x, labels, rest = run.datamodule.splits["test"].__getitems__(torch.arange(90))
    with torch.inference_mode():
        if answers == "last":
            return rest, run.module(x, lengths=rest)[0].argmax(-1) == labels
        right = run.module(x)[0].argmax(-1) == labels
    return rest.nonzero()[:, 1] + 1, right[rest]


@pytest.mark.parametrize(("answers", "module"), [("last", "classifier"), ("every", "labeller")])
def test_accuracy_by_length(answers: str, module: str) -> None:
    words = [*RUN, f"datamodule.answers={answers}", f"module={module}"]
    metrics = train(compose(words), "run", words).metrics
    lengths, right = by_hand(answers)
    assert metrics["test/acc"] == pytest.approx(right.float().mean().item())
    assert metrics["test/acc_scaled"] == pytest.approx((right.float().mean().item() - 0.2) / 0.8, abs=1e-6)
    assert "val/acc_scaled" in metrics
    found = json.loads(Path("run/results.json").read_text())["by_length"]
    assert [(one["from"], one["to"]) for one in found] == [(5, 8), (9, 12), (13, 16)]
    for one in found:
        inside = right[(lengths >= one["from"]) & (lengths <= one["to"])].double()
        assert one["count"] == len(inside) > 0
        assert one["acc"] == pytest.approx(inside.mean().item())
        assert one["acc_scaled"] == pytest.approx((inside.mean().item() - 0.2) / 0.8)
    shorter = evaluate("run", overrides=["datamodule.test_lengths=[5,8]", "datamodule.bins=1"]).folder
    (one,) = json.loads((shorter / "results.json").read_text())["by_length"]
    assert (one["from"], one["to"]) == (5, 8)


def test_the_figure_is_a_staircase_beside_a_guess() -> None:
    by = AccuracyBy("length", (40, 50, 70, 71))
    (axes,) = accuracy_figure(by, np.array([1.0, np.nan, 0.25]), 0.2, "words").axes
    steps = [segment.tolist() for segment in axes.collections[0].get_segments()]  # type: ignore[attr-defined]
    assert steps == [[[40, 1], [49, 1]], [[70, 0.25], [70, 0.25]]]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["right", "a guess, 0.2"]  # type: ignore[union-attr]
    assert axes.get_xlabel() == "steps read"
