"""A trained run, tested again: `evaluate("outputs/NAME/DATE_TIME", overrides=["datamodule.noise_std=0.3"])`."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from omegaconf import open_dict

from seqmodels.config.keys import SECTIONS, explained
from seqmodels.runs.announce import device_of, log_results, trained_numbers
from seqmodels.runs.build import build_trainer
from seqmodels.runs.load import LoadedRun, load_run
from seqmodels.runs.provenance import git_revision, versions
from seqmodels.runs.results import Results
from seqmodels.system.files import short

log = logging.getLogger(__name__)

FOLDER = "evaluations"
"""Where a run keeps what later tests of it found."""


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` returns: the folder of its results.json and figures, and the metrics, "test/loss" and so on."""

    folder: Path
    metrics: dict[str, float]


def evaluate(
    run: str | Path,
    checkpoint: str | None = None,
    overrides: Sequence[str] = (),
    output: str | Path | None = None,
    trust: Sequence[str] = (),
) -> Evaluation:
    """Test a run's weights on the data that its config names, changed by the overrides.

    Args:
        run: its folder, which is not changed but for the new folder in it.
        checkpoint, overrides, trust: as in `load_run`; `trainer.accelerator` is auto and `trainer.devices` 1 unless
            said otherwise, wherever the run was trained.
        output: a folder for the results; None makes RUN/evaluations/DATE_TIME.

    Raises:
        ValueError, OSError: the input does not allow it; the message says what to change.
    """
    started = time.monotonic()
    loaded = load_run(run, checkpoint, ["trainer.accelerator=auto", *overrides], trust)
    folder = _new_folder(loaded.folder, output)
    with open_dict(loaded.cfg):
        loaded.cfg.logger = {}  # the curves of the run are not this test's
    trainer = build_trainer(loaded.cfg, folder, devices=1, num_nodes=1, strategy="auto")
    with explained(loaded.cfg, *SECTIONS):
        trainer.test(loaded.module, datamodule=loaded.datamodule, verbose=False)
    metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
    if not metrics:
        raise ValueError(f"the data of {loaded.datamodule.name!r} has no test part, so there is nothing to evaluate")
    folder.mkdir(parents=True, exist_ok=True)
    results = _results(loaded, overrides, metrics, device_of(trainer), time.monotonic() - started)
    results.write(folder)
    log.info("%s, tested with %s", loaded.cfg.name, short(loaded.checkpoint))
    log.info("  data    %s", loaded.datamodule.summary())
    log_results(loaded.datamodule, results, folder)
    return Evaluation(folder, metrics)


def _new_folder(run: Path, output: str | Path | None) -> Path:
    folder = Path(output).expanduser() if output else run / FOLDER / f"{datetime.now():%Y-%m-%d_%H-%M-%S_%f}"
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise FileExistsError(f"output={folder} exists and will not be overwritten; choose another folder")
    return folder.absolute()


def _results(
    loaded: LoadedRun, overrides: Sequence[str], metrics: dict[str, float], device: str, seconds: float
) -> Results:
    return Results(
        status="evaluated",
        name=loaded.cfg.name,
        datamodule=loaded.datamodule.name,
        metrics=metrics,
        monitor=loaded.cfg.monitor,
        mode=loaded.cfg.mode,
        overrides=list(overrides),
        seed=loaded.cfg.seed,
        parameters=trained_numbers(loaded.module),
        seconds=round(seconds, 3),
        device=device,
        versions=versions(),
        git=git_revision(),
        facts={"run": str(loaded.folder), "checkpoint": str(loaded.checkpoint), **loaded.datamodule.facts()},
    )
