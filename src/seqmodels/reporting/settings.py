"""What a run was made with, as flat text: `core.hidden_size: 64`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.errors import HydraException

from seqmodels.config.flat import flat, without_watching
from seqmodels.config.migrate import migrated
from seqmodels.config.overrides import items, split
from seqmodels.config.yaml_files import read_yaml
from seqmodels.exceptions import first_line
from seqmodels.runs.extend import LIMITS
from seqmodels.runs.record import CONFIG, RESUMED, resumed_overrides

IGNORED = (
    *("name", "seed", "monitor", "mode"),  # have columns and tables of their own
    *("threads", "trust", "resume", "checkpoint", "logger", "hydra"),
    *(f"datamodule.{key}" for key in ("root", "cache", "fallback", "num_workers", "eval_batch_size")),
    *(f"trainer.{key}" for key in ("accelerator", "devices", "num_nodes", "strategy", "benchmark", "profiler")),
    *(f"trainer.{key}" for key in ("loop", "log_every_n_steps", "num_sanity_val_steps", "detect_anomaly")),
    *(
        f"trainer.{key}"
        for key in ("cuda_graphs", "enable_progress_bar", "enable_model_summary", "use_distributed_sampler")
    ),
)
"""What says where a run ran and what it showed, not what it was; so do our own callbacks, which only watch."""


def settings_of(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The config of a run under the names of today: its root as it stands, and what makes the experiment, flat.

    A run that was made longer beside `resume=` counts with its new length.

    Raises:
        OSError, ValueError: it cannot be read; the message says why.
    """
    config = migrated(read_yaml(folder / CONFIG))
    settings = without_watching({key: text(key, value) for key, value in flat(config).items() if value != {}})
    try:
        settings |= {key: text(key, value) for key, value in items(resumed_overrides(folder)) if key in LIMITS}
    except HydraException as error:
        raise ValueError(f"{folder / RESUMED} cannot be read: {first_line(error)}") from error
    ignored = tuple(f"{key}." for key in IGNORED)
    return config, {key: value for key, value in settings.items() if not f"{key}.".startswith(ignored)}


def settings_said(overrides: Sequence[str]) -> dict[str, str]:
    """What is known of a run without a config: what its command said."""
    said = {key: value for _, key, value in map(split, overrides) if value is not None}
    return {key: value for key, value in said.items() if key != "seed"}


def text(key: str, value: Any) -> str:
    """A setting as text, equal where the settings are: 1 and 1.0 are one learning rate.

    They are not one `trainer.limit_train_batches`, where 1 is a batch and 1.0 all of them.
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        whole = value.is_integer() and abs(value) < 1e15 and not key.startswith("trainer.")
        return str(int(value)) if whole else repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(text(key, entry) for entry in value)}]"
    return str(value)
