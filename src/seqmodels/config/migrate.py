"""Names of earlier builds and what they are called today: for configs, overrides and checkpoints of saved runs.

A person who types an old name is told the new one instead.
"""

from collections.abc import Mapping
from typing import Any

from seqmodels.config.overrides import split

TARGETS = {
    "callbacks.animation.FitAnimation": "callbacks.figures.animation.FitAnimation",
    "callbacks.animation.LiveFit": "callbacks.figures.animation.LiveFit",
    "callbacks.checkpoint.BestCheckpoint": "checkpoints.callbacks.BestCheckpoint",
    "callbacks.checkpoint.LastCheckpoint": "checkpoints.callbacks.LastCheckpoint",
    "callbacks.classification.ClassificationFigures": "callbacks.figures.classification.ClassificationFigures",
    "callbacks.finite.FiniteLoss": "callbacks.guards.FiniteLoss",
    "callbacks.interrupt.StopOnSignal": "callbacks.guards.StopOnSignal",
    "callbacks.labelling.LabellingFigure": "callbacks.figures.labelling.LabellingFigure",
    "callbacks.scatter.ScatterFigure": "callbacks.figures.scatter.ScatterFigure",
    "callbacks.stream.StreamFigure": "callbacks.figures.stream.StreamFigure",
    "datamodules.adding.AddingProblem": "datamodules.synthetic.adding.AddingProblem",
    "datamodules.copy_memory.CopyMemory": "datamodules.synthetic.copy_memory.CopyMemory",
    "datamodules.digits.DigitsSequence": "datamodules.images.datamodule.ImageSequences",
    "datamodules.image_sequence.TorchvisionSequence": "datamodules.images.datamodule.ImageSequences",
    "datamodules.labelled_series.LabelledSeries": "datamodules.labelled.datamodule.LabelledSeries",
    "datamodules.mnist.MNISTSequence": "datamodules.images.datamodule.ImageSequences",
    "datamodules.series.SeriesStream": "datamodules.series.datamodule.SeriesStream",
    "datamodules.sine.SineStream": "datamodules.synthetic.sine.SineStream",
    "loggers.MetricsCSV": "loggers.local.MetricsCSV",
    "loggers.TensorBoard": "loggers.local.TensorBoard",
    "mlflow_logger.MLflow": "loggers.mlflow.MLflow",
    "profiler.NoProfiler": "callbacks.progress.NoProfiler",
    "sweeps.Sweep": "sweeps.folder.Sweep",
    "wandb_logger.WandB": "loggers.wandb.WandB",
}
"""Classes and functions of ours that configs name, without the leading `seqmodels.`."""

KEYS = {
    "module.core": "core",
    "module.optimizer": "optimizer",
    "module.scheduler": "scheduler",
    "module.residual": "module.predict_change",
    "module.changes": "module.difference_inputs",
    "module.dynamics_lr": "module.timescale_lr",
}
"""Keys, and with each all that lies below it."""

_FILES: dict[str, Any] = {
    "missing_values": [], "comment": None, "skip_rows": 0, "header": True, "unit_rows": 0, "time_format": None,
    "repeated_times": "error",
}  # fmt: skip
_LABELLED = _FILES | {"dataset": None, "gaps": "ignore"}
_SERIES = _FILES | {"short_series": "error", "packed": False}

UNSAID: dict[str, dict[str, Any]] = {
    "datamodules.digits.DigitsSequence": {"dataset": "digits", "root": None, "fallback": None, "val_size": 180},
    "datamodules.image_sequence.TorchvisionSequence": {"fallback": None},
    "datamodules.mnist.MNISTSequence": {"dataset": "mnist", "fallback": "digits"},
    "lightning.pytorch.Trainer": {"loop": "auto", "cuda_graphs": False},
    "datamodules.synthetic.formal_language.FormalLanguage": {"embedding": None},
    "modules.classifier.SequenceClassifier": {"class_weights": None, "embedding": None},
    "modules.labeller.SequenceLabeller": {"embedding": None},
    "modules.regressor.StreamRegressor": {"embedding": None},
    **dict.fromkeys(("datamodules.series.SeriesStream", "datamodules.series.datamodule.SeriesStream"), _SERIES),
    **dict.fromkeys(
        ("datamodules.labelled_series.LabelledSeries", "datamodules.labelled.datamodule.LabelledSeries"), _LABELLED
    ),
}
"""What a class did without being told, for the one of today, which has to be told."""

STATES = dict.fromkeys(("DigitsSequence", "MNISTSequence", "TorchvisionSequence"), "ImageSequences")
"""Under which name a checkpoint holds what its data has learned: that of the class."""


def migrated(config: Any) -> Any:
    """A saved config as it would be written today.

    Args:
        config: plain values; it is not changed.
    """
    config = _with_targets(config)
    if isinstance(config, dict):
        for old, new in KEYS.items():
            _move(config, old.split("."), new.split("."))
    return config


def migrated_flat(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The same for a config as one flat table, `module._target_: ...`."""
    unsaid = {
        f"{key.removesuffix('_target_')}{name}": value
        for key, target in flat.items()
        if key.endswith("_target_")
        for name, value in _unsaid(target).items()
    }
    said = {migrated_key(key): _target(value) if key.endswith("_target_") else value for key, value in flat.items()}
    return unsaid | said


def migrated_override(override: str) -> str:
    """The same for one override, `module.core.hidden_size=64`."""
    sign, key, value = split(override)
    return f"{sign}{migrated_key(key)}" + ("" if value is None else f"={value}")


def migrated_key(key: str) -> str:
    """The same for a dotted key."""
    for old, new in KEYS.items():
        if key == old or key.startswith(f"{old}."):
            return new + key.removeprefix(old)
    return key


def former_key(key: str) -> str:
    """What an earlier build called a key of today."""
    for old, new in KEYS.items():
        if key == new or key.startswith(f"{new}."):
            return old + key.removeprefix(new)
    return key


def migrated_checkpoint(contents: dict[str, Any]) -> dict[str, Any]:
    """A checkpoint's contents under their present names."""
    contents = {STATES.get(key, key): value for key, value in contents.items()}
    if isinstance(callbacks := contents.get("callbacks"), dict):
        contents["callbacks"] = _with_reached(callbacks, contents.get("config"))
    return contents


def migrated_streams(saved: dict[str, Any]) -> dict[str, Any]:
    """A state file of `predict`; in one that did not count rows, streams are as warm as all rows together say."""
    if "read" in saved or "steps" in saved or not isinstance(saved.get("ids"), list):
        return saved
    streams = len(saved["ids"])
    return saved | {"read": [saved.get("rows", 0) // max(1, streams)] * streams, "steps": [None] * streams}


def _with_reached(callbacks: dict[str, Any], config: Any) -> dict[str, Any]:
    """The best value of a run that did not note yet at which step it was, nor what else was measured there."""
    best = callbacks.get("BestCheckpoint")
    if not isinstance(best, dict) or "reached" in best:
        return callbacks
    monitor = config.get("monitor") if isinstance(config, dict) else None
    known = (
        {"best": {"step": None, "metrics": {monitor: best["best"]}}} if monitor and best.get("best") is not None else {}
    )
    return callbacks | {"BestCheckpoint": best | {"reached": known}}


def _with_targets(node: Any) -> Any:
    """A copy with every `_target_` under its present name, and what its present class has to be told."""
    if isinstance(node, dict):
        said = {key: _target(value) if key == "_target_" else _with_targets(value) for key, value in node.items()}
        return _unsaid(node.get("_target_")) | said
    if isinstance(node, list):
        return [_with_targets(value) for value in node]
    return node


def _target(name: Any) -> Any:
    if not isinstance(name, str) or not name.startswith("seqmodels."):
        return name
    short = name.removeprefix("seqmodels.")
    return f"seqmodels.{TARGETS.get(short, short)}"


def _unsaid(name: Any) -> dict[str, Any]:
    return UNSAID.get(name.removeprefix("seqmodels."), {}) if isinstance(name, str) else {}


def _move(config: dict[str, Any], old: list[str], new: list[str]) -> None:
    """Move what stands at a path to another one, if it stands there."""
    *parents, last = old
    node: Any = config
    for parent in parents:
        node = node.get(parent) if isinstance(node, dict) else None
    if not isinstance(node, dict) or last not in node:
        return
    value = node.pop(last)
    *parents, last = new
    node = config
    for parent in parents:
        node = node.setdefault(parent, {})
    node.setdefault(last, value)
