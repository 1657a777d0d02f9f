"""A trained run, tested again: `evaluate("outputs/NAME/DATE_TIME", overrides=["datamodule.noise_std=0.3"])`."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from omegaconf import open_dict

from seqmodels.callbacks.figures.drawing import figures_wait
from seqmodels.callbacks.guards import stop_of
from seqmodels.config.keys import SECTIONS, explained
from seqmodels.config.overrides import split
from seqmodels.config.schema import check_config
from seqmodels.exceptions import one_stop
from seqmodels.runs.announce import log_results
from seqmodels.runs.build import Parts, build_trainer
from seqmodels.runs.describe import results
from seqmodels.runs.load import load_run
from seqmodels.runs.memory import memory_told
from seqmodels.runs.trust import check_outside
from seqmodels.runs.weights import measured
from seqmodels.system.files import short
from seqmodels.system.untrusted import refuse_links

log = logging.getLogger(__name__)

FOLDER = "evaluations"
"""Where a run keeps what later tests of it found."""

ALONE: dict[str, Any] = {"trainer.devices": 1, "trainer.num_nodes": 1, "trainer.strategy": "auto"}
"""Each row is counted once only where one process reads them all."""


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
        checkpoint, overrides, trust: as in `load_run`; wherever the run was trained, the test takes one device, of the
            kind that `trainer.accelerator` among the overrides says, else the best that is here.
        output: a folder for the results; None makes RUN/evaluations/DATE_TIME.

    Raises:
        ValueError, OSError: the input does not allow it; the message says what to change.
        Stopped: a signal, Ctrl-C for instance.
    """
    for _, key, value in map(split, overrides):
        if key in ALONE and value not in (str(ALONE[key]), "auto"):
            raise ValueError(f"{key}={value}: a run is tested by one process on one device; leave {key} out")
    started = time.monotonic()
    loaded = load_run(run, checkpoint, ["trainer.accelerator=auto", *overrides], trust)
    check_config(loaded.cfg)
    refuse_links(loaded.folder)
    check_outside(loaded.cfg, [key for _, key, _ in map(split, overrides)])
    folder = _new_folder(loaded.folder, output)
    with open_dict(loaded.cfg):
        loaded.cfg.logger = {}  # the curves of the run are not this test's
    trainer = build_trainer(loaded.cfg, folder, **{key.removeprefix("trainer."): value for key, value in ALONE.items()})
    stop = stop_of(trainer)
    with one_stop(), stop.listening(), figures_wait(trainer) as draw:
        with memory_told(loaded.cfg), explained(loaded.cfg, *SECTIONS):
            trainer.test(loaded.module, datamodule=loaded.datamodule, verbose=False)
        stop.check_alone()
        metrics = measured(loaded.cfg, trainer)
        if not metrics:
            name = loaded.datamodule.name
            raise ValueError(f"the data of {name!r} has no test part, so there is nothing to evaluate")
        folder.mkdir(parents=True, exist_ok=True)
        parts = Parts(loaded.datamodule, loaded.module, trainer)
        ended = results(loaded.cfg, parts, "evaluated", metrics, overrides, time.monotonic() - started)
        origin = {"run": str(loaded.folder), "checkpoint": str(loaded.checkpoint), "step": loaded.step}
        weights = {"best.ckpt": "best", "last.ckpt": "last"}.get(loaded.checkpoint.name)
        ended = replace(ended, steps=None, weights=weights, facts=origin | ended.facts)
        ended.write(folder)
        draw()
        log.info("%s, tested with %s, of step %s", loaded.cfg.name, short(loaded.checkpoint), loaded.step)
        log.info("  data    %s", loaded.datamodule.summary())
        log_results(loaded.datamodule, ended, folder)
        stop.check_alone()
    return Evaluation(folder, metrics)


def _new_folder(run: Path, output: str | Path | None) -> Path:
    folder = Path(output).expanduser() if output else run / FOLDER / f"{datetime.now():%Y-%m-%d_%H-%M-%S_%f}"
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise FileExistsError(f"output={folder} exists and will not be overwritten; choose another folder")
    return folder.absolute()
