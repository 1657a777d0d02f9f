"""Folders as runs leave them, without training."""

import json
import os
from pathlib import Path
from typing import Any

import yaml

from seqmodels.runs.results import VERSION

CONFIG: dict[str, Any] = {
    "name": "toy",
    "seed": 1,
    "threads": "auto",
    "monitor": "val/acc",
    "mode": "max",
    "checkpoint": {"every_n_steps": None},
    "datamodule": {
        "_target_": "seqmodels.datamodules.images.datamodule.ImageSequences",
        "view": "rows",
        "num_workers": 0,
    },
    "module": {
        "_target_": "seqmodels.modules.classifier.SequenceClassifier",
        "dropout": 0.0,
    },
    "core": {"_target_": "seqmodels.cores.recurrent.LSTM", "hidden_size": 64, "dropout": 0.0, "forget_bias": 1.0},
    "optimizer": {"_target_": "torch.optim.Adam", "lr": 0.01},
    "scheduler": None,
    "trainer": {"_target_": "lightning.pytorch.Trainer", "devices": 1, "max_steps": 100, "limit_train_batches": 1.0},
    "callbacks": {"last": {"_target_": "seqmodels.checkpoints.callbacks.LastCheckpoint", "every_n_minutes": 10}},
    "logger": {"csv": {"_target_": "seqmodels.loggers.local.MetricsCSV"}},
}
ABSENT = object()


def config(**changes: Any) -> dict[str, Any]:
    """The config above, changed: `config(core__hidden_size=32)`; ABSENT removes a key."""
    made = json.loads(json.dumps(CONFIG))
    for key, value in changes.items():
        *parents, last = key.split("__")
        node = made
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = value
        if value is ABSENT:
            del node[last]
    return made


def make_run(
    folder: Path,
    value: float | None = 0.9,
    seed: int | None = 1,
    words: tuple[str, ...] = (),
    results: dict[str, Any] | None = None,
    when: float | None = None,
    curve: list[tuple[int, float, float | None]] | None = None,
    **changes: Any,
) -> Path:
    """A completed run; `value` None leaves the monitor out, `results` changes results.json, `changes` the config.

    Args:
        when: seconds since 1970 at which results.json was written.
        curve: (step, train/loss, val/acc) for metrics.csv.
    """
    cfg = config(seed=seed, **changes)
    (folder / ".hydra").mkdir(parents=True)
    (folder / "checkpoints").mkdir()
    (folder / ".hydra" / "config.yaml").write_text(yaml.safe_dump(cfg, sort_keys=False, allow_unicode=True))
    metrics = {} if value is None else {cfg["monitor"]: value, "test/acc": value - 0.01}
    content = {
        "version": VERSION,
        "status": "completed",
        "name": cfg["name"],
        "datamodule": "mnist",
        "metrics": metrics | {"train/loss": 0.1},
        "monitor": cfg["monitor"],
        "mode": cfg["mode"],
        "overrides": [*words, f"seed={seed}"],
        "seed": seed,
        "parameters": 1000,
        "steps": 100,
        "seconds": 12.5,
        "device": "cpu, 1 thread",
        "versions": {"torch": "2.15.0"},
        "git": {"commit": "abc", "dirty": False},
    }
    (folder / "results.json").write_text(json.dumps(content | (results or {})))
    if when is not None:
        os.utime(folder / "results.json", (when, when))
    lines = [f"{step},0,{loss},{'' if acc is None else acc}" for step, loss, acc in curve or []]
    (folder / "metrics.csv").write_text("\n".join(["step,epoch,train/loss,val/acc", *lines]) + "\n")
    return folder


def unfinished(folder: Path, **changes: Any) -> Path:
    """A run that is still going, or was killed."""
    make_run(folder, **changes)
    (folder / "results.json").unlink()
    return folder
