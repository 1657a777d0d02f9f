"""Configs of earlier builds, as they would be written today: read when a saved config is loaded."""

from collections.abc import Mapping
from typing import Any

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
"""Where classes and functions of ours that configs name have gone, without the leading `seqmodels.`."""


KEYS: dict[str, dict[str, Any]] = {
    "datamodules.digits.DigitsSequence": {"dataset": "digits", "root": None, "fallback": None, "val_size": 180},
    "datamodules.image_sequence.TorchvisionSequence": {"fallback": None},
    "datamodules.mnist.MNISTSequence": {"dataset": "mnist", "fallback": "digits"},
}
"""What a class of `TARGETS` did without being told, for the one that took its place."""

STATES = dict.fromkeys(("DigitsSequence", "MNISTSequence", "TorchvisionSequence"), "ImageSequences")
"""Under which name a checkpoint holds what its data has learned: that of the class."""


def migrated(config: Any) -> Any:
    """A saved config with every `_target_` under its present name, and what its present class has to be told.

    Args:
        config: plain values; it is not changed.
    """
    if isinstance(config, dict):
        node = {key: _target(value) if key == "_target_" else migrated(value) for key, value in config.items()}
        return node | {key: value for key, value in _keys(config.get("_target_")).items() if key not in node}
    if isinstance(config, list):
        return [migrated(value) for value in config]
    return config


def migrated_flat(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The same for a config as one flat table, `module._target_: ...`."""
    lacking = {
        f"{key.removesuffix('_target_')}{name}": value
        for key, target in flat.items()
        if key.endswith("_target_")
        for name, value in _keys(target).items()
    }
    return lacking | {key: _target(value) if key.endswith("_target_") else value for key, value in flat.items()}


def migrated_checkpoint(contents: dict[str, Any]) -> dict[str, Any]:
    """A checkpoint's contents under their present names."""
    return {STATES.get(key, key): value for key, value in contents.items()}


def _target(name: Any) -> Any:
    if not isinstance(name, str) or not name.startswith("seqmodels."):
        return name
    short = name.removeprefix("seqmodels.")
    return f"seqmodels.{TARGETS.get(short, short)}"


def _keys(name: Any) -> dict[str, Any]:
    return KEYS.get(name.removeprefix("seqmodels."), {}) if isinstance(name, str) else {}
