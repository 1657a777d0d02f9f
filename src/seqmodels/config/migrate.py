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
    "datamodules.digits.DigitsSequence": "datamodules.images.digits.DigitsSequence",
    "datamodules.image_sequence.TorchvisionSequence": "datamodules.images.torchvision_sets.TorchvisionSequence",
    "datamodules.labelled_series.LabelledSeries": "datamodules.labelled.datamodule.LabelledSeries",
    "datamodules.mnist.MNISTSequence": "datamodules.images.mnist.MNISTSequence",
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


def migrated(config: Any) -> Any:
    """A saved config with every `_target_` under its present name.

    Args:
        config: plain values; it is not changed.
    """
    if isinstance(config, dict):
        return {key: _target(value) if key == "_target_" else migrated(value) for key, value in config.items()}
    if isinstance(config, list):
        return [migrated(value) for value in config]
    return config


def migrated_flat(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The same for a config as one flat table, `module._target_: ...`."""
    return {key: _target(value) if key.endswith("_target_") else value for key, value in flat.items()}


def _target(name: Any) -> Any:
    if not isinstance(name, str) or not name.startswith("seqmodels."):
        return name
    short = name.removeprefix("seqmodels.")
    return f"seqmodels.{TARGETS.get(short, short)}"
