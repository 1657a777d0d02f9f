"""One job of a sweep, in this process or in one of its own."""

from pathlib import Path

from omegaconf import DictConfig

from seqmodels.cli.logging import log_to
from seqmodels.config.overrides import without
from seqmodels.exceptions import JobFailed
from seqmodels.parallel.machine import request_of
from seqmodels.parallel.pool import Task, run
from seqmodels.parallel.slots import WholeMachine
from seqmodels.runs.record import failed_before_first_checkpoint, is_finished, is_run, overrides_of, results_of
from seqmodels.runs.trust import senders_in
from seqmodels.system.files import short
from seqmodels.system.terminal import say


def run_job(cfg: DictConfig, folder: Path, overrides: list[str]) -> float | None:
    """One job of a sweep, as far as its folder does not hold it already; returns its value of `monitor`.

    A finished job is left alone. One that was interrupted, killed or failed goes on exactly from its last checkpoint;
    one that failed before its first checkpoint begins anew, with the config of now.

    Raises:
        As `seqmodels.runs.run.train` and `resume`, and ValueError when the folder belongs to another job.
    """
    from seqmodels.runs.run import resume, train  # here, so that --help and a typo do not wait for torch

    if not is_run(folder) or failed_before_first_checkpoint(folder):
        return train(cfg, folder, overrides, keep_refused=True).monitor
    if without(own := overrides_of(folder), "trust") != without(overrides, "trust"):
        raise ValueError(f"{folder} holds the run of {' '.join(own)}, and this job is {' '.join(overrides)}")
    result = None if is_finished(folder) else resume(folder, trust=[*cfg.trust, *senders_in(cfg)])
    if result is None:
        say(f"{short(folder)} is finished already")
        ended = results_of(folder)
        return ended.metrics.get(cfg.monitor) if ended else None
    return result.monitor


def run_job_apart(cfg: DictConfig, folder: Path, overrides: list[str]) -> float | None:
    """The same in a process of its own, its output in output.log: for runs on several devices.

    When a rank dies while rank 0 hangs in a collective, nothing can call rank 0 back; its process ends, and the sweep
    shall not end with it.

    Raises:
        JobFailed: it did not finish.
    """
    task = Task(folder.name, f"{__name__}:_apart", (cfg, folder, overrides), folder / "output.log", request_of(cfg))
    (outcome,) = run([task], WholeMachine())
    if outcome.error is not None:
        raise JobFailed(outcome.error)
    return outcome.value


def _apart(cfg: DictConfig, folder: Path, overrides: list[str]) -> float | None:
    log_to(folder)
    return run_job(cfg, folder, overrides)
