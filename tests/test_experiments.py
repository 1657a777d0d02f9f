"""Every experiment run for a few steps, and what a run leaves behind."""

import csv
import json
import math
from pathlib import Path

import pytest
import torch
from lightning.pytorch.loggers import Logger
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torchvision.datasets import MNIST

from seqmodels.loggers.local import MetricsCSV
from seqmodels.runs.run import compose, train
from tests.conftest import options


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MNIST, "mirrors", ["http://127.0.0.1:9/"])
    monkeypatch.setenv("SEQMODELS_DATA", str(tmp_path / "nothing"))


def signal_words() -> list[str]:
    """What `+experiment=signal` wants to know, of a file that is made here."""
    lines = [f"{step},{math.sin(step / 9)}" for step in range(1000)]
    Path("wave.csv").write_text("\n".join(["step,height", *lines]))
    columns = [f"datamodule.{what}=[height]" for what in ("inputs", "targets")]
    return ["datamodule.files=[wave.csv]", *columns, "datamodule.time=step", "datamodule.horizon=2"]


def ucr_words() -> list[str]:
    """The same for `+experiment=ucr`: two classes of 24 sequences each, in the archives' format."""
    lines = [
        f"{label}\t" + "\t".join(str(label + step / 7) for step in range(9)) for label in (1, 2) for _ in range(24)
    ]
    Path("sets/Two").mkdir(parents=True)
    for split in ("TRAIN", "TEST"):
        Path(f"sets/Two/Two_{split}.tsv").write_text("\n".join(lines))
    return ["datamodule.dataset=sets/Two"]


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def tensorboard(folder: Path) -> EventAccumulator:
    events = EventAccumulator(str(folder))
    events.Reload()
    return events


EXPERIMENTS = [
    pytest.param(name, marks=[pytest.mark.slow] if "smnist" in name and name != "smnist_lstm" else [])
    for name in options("experiment")
]
"""Those that read 784 steps a sequence take seconds each; one of them stands for them in the default run."""


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_few_steps_of_everything(name: str) -> None:
    words = signal_words() if name == "signal" else ucr_words() if name == "ucr" else []
    words += (
        ["datamodule.batch_size=8", "datamodule.eval_batch_size=20"] if name.startswith(("smnist", "state")) else []
    )
    result = train(compose([f"+experiment={name}", *words, "+debug=fast", "trainer.accelerator=cpu"]))
    results = json.loads((result.folder / "results.json").read_text())
    assert results["status"] == "completed"
    assert results["steps"] == 3
    assert results["metrics"] == result.metrics
    checkpoint = torch.load(result.folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["global_step"] == 3
    figures = {
        **{task: {"samples", "mistakes", "confusion"} for task in ("mnist", "smnist", "ucr")},
        "sine": {"fit", "stream_test"},
        "adding": {"stream_test", "scatter"},
        "copy": {"labels"},
        "recall": {"labels", "accuracy_by_pairs"},
        "state": {"labels", "accuracy_by_length"},
    }
    expected = figures.get(name.partition("_")[0], {"stream_test"})
    assert {path.stem for path in (result.folder / "figures").iterdir()} >= expected
    assert not [path for path in result.folder.rglob("*") if path.name.startswith(".") and path.name != ".hydra"]


def test_the_readmes_command_finishes_without_mnist(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        result = train(compose(["+experiment=mnist_lstm"]))
    assert caplog.text.count("NOT MNIST") == 2  # at the start and at the end
    assert {"val/acc", "test/acc"} <= set(result.metrics)
    assert json.loads((result.folder / "results.json").read_text())["datamodule"] == "digits (instead of mnist)"


def test_what_a_classification_leaves() -> None:
    words = ["+experiment=mnist_lstm", "trainer=cpu", "threads=1", "trainer.max_epochs=3"]
    cfg = compose([*words, "trainer.val_check_interval=10"])
    cfg.trainer.log_every_n_steps = 10
    cfg.datamodule.permutation = "bit_reversal"
    result = train(cfg, overrides=["+experiment=mnist_lstm"])
    folder = result.folder
    assert folder.parent == Path.cwd() / "outputs" / "mnist_lstm"

    results = json.loads((folder / "results.json").read_text())
    assert set(results) == {
        "version", "status", "name", "datamodule", "metrics", "monitor", "mode", "overrides", "seed", "parameters",
        "state_bytes", "steps", "seconds", "device", "error", "versions", "git", "permutation", "weights", "best",
        "last", "images", "ended_early", "baselines",
    }  # fmt: skip
    assert results["datamodule"] == "digits (instead of mnist)"
    assert results["permutation"]["name"] == "bit_reversal"
    assert results["overrides"] == ["+experiment=mnist_lstm"]
    assert results["parameters"] == 24714
    assert results["device"] == "cpu, 1 thread"

    table = rows(folder)
    assert list(table[0])[:3] == ["step", "epoch", "train/loss"]
    steps = [int(row["step"]) for row in table]
    assert steps == sorted(set(steps))
    assert [step for step, row in zip(steps, table, strict=True) if row["train/loss"]] == list(
        range(9, results["steps"], 10)
    )
    assert float(table[-1]["test/acc"]) == result.metrics["test/acc"]

    checkpoints = {path.name: torch.load(path, weights_only=True) for path in (folder / "checkpoints").iterdir()}
    assert set(checkpoints) == {"last.ckpt", "previous.ckpt", "best.ckpt"}
    assert checkpoints["last.ckpt"]["global_step"] == results["steps"]
    assert checkpoints["previous.ckpt"]["global_step"] < results["steps"]
    best = max((row for row in table if row["val/acc"]), key=lambda row: float(row["val/acc"]))
    assert checkpoints["best.ckpt"]["global_step"] == int(best["step"]) + 1

    events = tensorboard(folder)
    assert {"train/loss", "train/acc", "val/acc", "test/acc", "lr"} <= set(events.Tags()["scalars"])
    assert set(events.Tags()["images"]) == {f"figures/{name}" for name in ("samples", "mistakes", "confusion")}
    hparams = [tag for tag in events.summary_metadata if tag.startswith("_hparams_")]
    assert len(hparams) == 3
    assert "hp_metric" not in events.Tags()["scalars"]
    session = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content.decode(errors="ignore")
    for text in ("digits (instead of mnist)", "core.hidden_size", "LSTM"):
        assert text in session


def test_what_a_stream_leaves() -> None:
    result = train(compose(["+experiment=sine_rnn", "trainer.max_steps=12"]))
    assert [int(row["step"]) for row in rows(result.folder)][:12] == list(range(12))
    with Image.open(result.folder / "figures" / "fit.gif") as animation:
        assert animation.n_frames == 12
    assert result.monitor == result.metrics["train/loss_mean"]


def test_two_runs_never_share_a_folder() -> None:
    small = ["+experiment=sine_rnn", "trainer.max_steps=2", "callbacks=none", "logger=none", "test=false"]
    first, second = (train(compose(small)).folder for _ in range(2))
    assert first != second
    assert not list(first.rglob("*.ckpt"))
    with pytest.raises(FileExistsError, match="holds a run already and will not be overwritten"):
        train(compose(small), first)


def test_the_same_seed_gives_the_same_run_and_another_one_another() -> None:
    def losses(*words: str) -> list[str]:
        cfg = compose(["datamodule=digits", "trainer=cpu", "threads=1", "trainer.log_every_n_steps=1", *words])
        cfg.module.dropout, cfg.datamodule.shift, cfg.callbacks = 0.5, 1, {}
        return [row["train/loss"] for row in rows(train(cfg).folder)]

    assert losses() == losses()
    assert losses() != losses("seed=2")
    assert losses() == losses("datamodule.num_workers=2")


def test_overfit_fits_one_batch() -> None:
    result = train(compose(["+debug=overfit", "optimizer.lr=0.01", "trainer=cpu"]))
    assert result.metrics["train/loss"] <= 0.01
    assert 10 < json.loads((result.folder / "results.json").read_text())["steps"] < 1000


def test_profile_goes_to_a_file() -> None:
    result = train(compose(["+experiment=sine_rnn", "+debug=profile", "trainer.max_steps=5"]))
    assert "training_step" in (result.folder / "fit-profile.txt").read_text()


def test_early_stopping_stops() -> None:
    cfg = compose(["datamodule=digits", "callbacks=early_stopping", "trainer=cpu", "trainer.max_epochs=9"])
    cfg.optimizer.lr, cfg.callbacks.early_stopping.patience = 0.0, 2
    assert json.loads((train(cfg).folder / "results.json").read_text())["steps"] == 3 * 20


def test_csv_rows(tmp_path: Path) -> None:
    logger: Logger = MetricsCSV(tmp_path)
    logger.log_metrics({"a": 1.0, "epoch": 0}, 0)
    logger.log_metrics({"a": 0.25, "epoch": 0}, 1)
    logger.log_metrics({"b": torch.tensor(0.5)}, 1)
    logger.log_metrics({"a": 3.0, "b": 4.0, "epoch": 1}, 2)
    logger.log_metrics({"b": 5.0}, 2)
    assert (tmp_path / "metrics.csv").read_text().splitlines() == [
        "step,epoch,a,b", "0,0,1.0,", "1,0,0.25,0.5", "2,1,3.0,5.0",
    ]  # fmt: skip
