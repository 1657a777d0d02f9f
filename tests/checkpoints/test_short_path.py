"""The short path and Lightning's way are one training: the same bits in every file, also where one resumes another."""

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
from torch import Tensor

from seqmodels.checkpoints.short_path import ShortPath
from seqmodels.exceptions import Stopped
from seqmodels.modules.regressor import StreamRegressor
from seqmodels.runs.build import build
from seqmodels.runs.run import compose, resume, train
from tests.support.attempts import OWN, assert_same_run, callback, checkpoint, same

LEAN = ["callbacks=[checkpoints,guards]", "logger=csv", "test=false", "checkpoint.every_n_steps=4", "trainer=cpu",
        "threads=1", "core.hidden_size=8", "trainer.log_every_n_steps=3"]  # fmt: skip
STREAM = ["+experiment=sine_stream", "datamodule.num_streams=4", "datamodule.window=5", "datamodule.val_windows=3",
          "trainer.max_steps=13", "trainer.val_check_interval=5", *LEAN]  # fmt: skip
IMAGES = ["datamodule=digits", "datamodule.batch_size=256", "datamodule.val_size=257", "module.dropout=0.3",
          "datamodule.shift=1", "trainer.max_epochs=2", "trainer.val_check_interval=2", *LEAN]  # fmt: skip
WAYS = {
    "stream": STREAM,
    "images": IMAGES,
    "clipped by norm": [*STREAM, "trainer.gradient_clip_val=0.05"],
    "clipped by value": [*STREAM, "trainer.gradient_clip_val=0.005", "trainer.gradient_clip_algorithm=value"],
    "cut group": [*IMAGES, "trainer.accumulate_grad_batches=3"],
    "schedule": [*IMAGES, "scheduler=one_cycle", "optimizer=adamw"],
    "longer reach": [*STREAM, "module.backprop_windows=3", "datamodule.random_window=2"],
    "workers": [*STREAM, "datamodule.num_workers=2"],
    "mixed precision": [*STREAM, "trainer.precision=bf16-mixed"],
    "double precision": [*STREAM, "trainer.precision=64-true"],
    "averaged weights": [*STREAM, "callbacks=[checkpoints,guards,ema]"],
    "diagnostics": [*STREAM, "callbacks=[checkpoints,guards,diagnostics]"],
    "limited": [*IMAGES, "trainer.limit_train_batches=4"],
    "never logged": [*STREAM, "trainer.log_every_n_steps=0"],
}
QUICK = ("stream", "cut group")


def in_both_ways(words: list[str]) -> tuple[Path, Path]:
    return tuple(train(compose([*words, f"trainer.loop={loop}"]), loop).folder for loop in ("auto", "lightning"))  # type: ignore[return-value]


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The batches that went the short path."""
    numbers: list[int] = []
    step = ShortPath.step

    def counted(self: ShortPath, loop: Any, data_fetcher: Any) -> None:
        step(self, loop, data_fetcher)
        numbers.append(loop.batch_idx)

    monkeypatch.setattr(ShortPath, "step", counted)
    return numbers


def check(words: list[str], taken: list[int]) -> None:
    short, long = in_both_ways(words)
    assert taken
    for name in ("last", "best"):
        if (long / "checkpoints" / f"{name}.ckpt").exists():
            ours, lightnings = checkpoint(short, name), checkpoint(long, name)
            for one in (ours, lightnings):
                one["config"]["trainer"].pop("loop")
            assert same(ours, lightnings), name
    if (long / "metrics.csv").exists():
        assert (short / "metrics.csv").read_text() == (long / "metrics.csv").read_text()


@pytest.mark.parametrize("way", QUICK)
def test_both_ways_leave_the_same_files(way: str, taken: list[int]) -> None:
    check(WAYS[way], taken)


@pytest.mark.slow
@pytest.mark.parametrize("way", [way for way in WAYS if way not in QUICK])
def test_every_training_leaves_the_same_files_in_both_ways(way: str, taken: list[int]) -> None:
    check(WAYS[way], taken)


def test_steps_that_are_logged_go_lightnings_way(taken: list[int]) -> None:
    train(compose([*STREAM, "trainer.max_steps=7"]), "run")
    assert taken == [1, 3, 4, 6]  # batch 0 begins the epoch; steps 3 and 6 are logged


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(1, 12))
def test_a_stop_is_resumed_on_the_other_way(batch: int) -> None:
    whole = train(compose(STREAM), "whole").folder
    with pytest.raises(Stopped):
        train(compose([*STREAM, *callback("StopIn", batch=batch, validation="false")]), "run")
    resume("run", ["trainer.loop=lightning"], trust=OWN)
    assert_same_run(Path("run"), whole)


def test_a_loss_that_is_no_number_is_found_on_the_short_path() -> None:
    words = [*STREAM, "trainer.max_steps=60", "trainer.log_every_n_steps=50", "optimizer=sgd", "optimizer.lr=1e30"]
    with pytest.raises(ValueError, match=r"^train/loss became (nan|inf) in batch \d+; the checkpoints hold"):
        train(compose(words), "run")


class Watching(pl.Callback):
    """Has a hook in the step."""

    def on_train_batch_end(self, *arguments: Any, **named: Any) -> None:
        """Sees a step."""


class Resting(pl.Callback):
    """Has none."""

    def on_train_end(self, *arguments: Any) -> None:
        """Sees the end."""


class Chatty(StreamRegressor):
    """May log at every step."""

    def training_step(self, window: Any) -> dict[str, Tensor]:
        return super().training_step(window)


@pytest.mark.parametrize(
    ("change", "is_open"),
    [("nothing", True), ("resting", True), ("watching", False), ("module", False), ("profiler", False)],
)
def test_it_is_open_where_nobody_wants_every_step(change: str, is_open: bool) -> None:
    Path("run").mkdir()
    parts = build(compose([*STREAM, "trainer.max_steps=1"]), Path("run").absolute())
    if change == "profiler":
        parts.trainer.profiler = pl.profilers.SimpleProfiler()
    if change == "module":
        parts.module.__class__ = Chatty
    parts.trainer.callbacks += {"resting": [Resting()], "watching": [Watching()]}.get(change, [])  # type: ignore[attr-defined]
    seen = []

    class Looking(pl.Callback):
        def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            seen.append(ShortPath.is_open(trainer))

    parts.trainer.callbacks.append(Looking())  # type: ignore[attr-defined]
    parts.trainer.fit(parts.module, datamodule=parts.datamodule)
    assert seen == [is_open]
