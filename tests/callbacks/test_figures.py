"""Figures among others: what they draw nothing of they ignore, how many they draw is checked, a window is closed."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import matplotlib
import matplotlib.pyplot as plt
import pytest

from seqmodels.runs.run import build, compose, train
from tests.support.attempts import DIGITS, SINE

PLAIN = ["logger=csv", "test=false"]


@pytest.fixture
def _a_window(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Agg under its full name: pyplot's own windows, drawn to memory, where there is no display."""
    before = matplotlib.get_backend()
    monkeypatch.setenv("DISPLAY", ":0")
    matplotlib.use("module://matplotlib.backends.backend_agg")
    yield
    plt.close("all")
    plt.ioff()
    matplotlib.use(before)


@pytest.mark.parametrize(
    "setting",
    [
        *("classification.samples=0", "classification.mistakes=0", "labelling.samples=0", "stream.windows=0"),
        *("stream.windows=-1", "scatter.points=-1", "animation.windows=-1", "animation.frames_per_second=0"),
    ],
)
def test_nothing_to_draw_is_refused_before_training(setting: str) -> None:
    words = ["callbacks.animation.windows=1"] * ("frames" in setting)
    with pytest.raises(ValueError, match=rf"^callbacks\.{setting} is too small"):
        train(compose([*DIGITS, *PLAIN, "trainer.max_steps=1", *words, f"callbacks.{setting}"]), Path("run"))


@pytest.mark.usefixtures("_a_window")
@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
@pytest.mark.parametrize("fails", [False, True])
def test_the_window_of_a_training_is_closed(fails: bool) -> None:
    """At the end, and when an error ends it, here a loss that grows beyond float32."""
    words = [*SINE, *PLAIN, "callbacks=[live,guards]", "callbacks.animation.windows=60", "trainer.max_steps=3"]
    opened = []

    class Looks(pl.Callback):
        def on_train_batch_end(self, *args: Any) -> None:
            opened.append(plt.get_fignums())

    Path("run").mkdir()
    parts = build(compose([*words, *["optimizer.lr=1e30"] * fails]), Path("run"))
    parts.trainer.callbacks.append(Looks())
    with pytest.raises(ValueError, match="train/loss became") if fails else nullcontext():
        parts.trainer.fit(parts.module, parts.datamodule)
    assert opened
    assert all(opened)
    assert plt.get_fignums() == []
    assert Path("run/figures/fit.gif").exists() != fails
