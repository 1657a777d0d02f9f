"""Train a model:

python -m seqmodels.train +experiment=mnist_lstm
"""

import os
import sys
import traceback
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from seqmodels.cli.command import raised_by_hydra, run_command
from seqmodels.config.normalize import normalized
from seqmodels.config.outputs import register_resolvers
from seqmodels.config.overrides import key_of, overrides_in, quoted, take, text_of
from seqmodels.config.places import conf_dir
from seqmodels.exceptions import MISTAKES, JobFailed, JobsFailed, Stopped, message_of, reason
from seqmodels.parallel.machine import request_of
from seqmodels.runs.best_of_study import check_best
from seqmodels.runs.record import is_finished, is_run, is_taken
from seqmodels.runs.trust import check_composed
from seqmodels.sweeps.folder import (
    Sweep,
    check_number,
    command_to_resume,
    failures,
    is_sweep,
    is_sweep_finished,
    locked,
)
from seqmodels.sweeps.jobs import run_job, run_job_apart
from seqmodels.sweeps.ranking import measured, ranking
from seqmodels.sweeps.resuming import folder_to_resume, go_on
from seqmodels.system.process import is_first_process, leave, uncollected
from seqmodels.system.terminal import say

register_resolvers()


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="train")
def _job(cfg: DictConfig) -> float | None:
    """One job: its value of `monitor`, so that Hydra's sweepers can use it."""
    this = HydraConfig.get()
    folder, overrides = Path(this.runtime.output_dir), list(this.overrides.task)
    with uncollected():  # here, so that --help and a typo do not wait for torch
        from seqmodels.distributed.slurm import submitted
        from seqmodels.runs.folder import forget_refused, save_hydra
        from seqmodels.runs.run import train

    with submitted():
        if this.mode == RunMode.MULTIRUN:
            return _job_of_sweep(cfg, folder, overrides)
        save_hydra(folder, this)
        try:
            return train(cfg, folder, overrides).monitor
        except MISTAKES:
            if is_first_process() and not is_run(folder):
                forget_refused(folder)  # Hydra has begun a log there
            raise


def _job_of_sweep(cfg: DictConfig, folder: Path, overrides: list[str]) -> float | None:
    """What fails is said at once, since the sweep goes on and Hydra speaks only at its end, of one job."""
    from seqmodels.runs.folder import save_hydra

    try:
        check_number(folder)
        if HydraConfig.get().callbacks["sweep"]["from_folder"] and not is_finished(folder):
            check_composed(cfg, folder)
        save_hydra(folder, HydraConfig.get())
        is_to_be_apart = Sweep.folder is not None and request_of(cfg).devices != 1  # elsewhere each job has its process
        value = (run_job_apart if is_to_be_apart else run_job)(cfg, folder, overrides)
    except Exception as error:
        if not isinstance(error, MISTAKES):
            traceback.print_exc()
        say(f"job {folder.name} failed: {message_of(error)}", file=sys.stderr)
        raise JobFailed(reason(error)) from None
    if Sweep.folder is not None:  # else the live status of the launcher says it
        print(f"job {folder.name}: {measured(cfg.monitor, value)}")
    return value


def main() -> None:
    """The command `seqmodels-train`, the same as `python -m seqmodels.train`."""
    leave(run_command(command))


def command() -> None:
    """What sys.argv asks for."""
    Sweep.folder = Sweep.lock = None
    arguments, resume = take(multirun_first(sys.argv[1:]), "resume")
    arguments = normalized(quoted(arguments, "init_from"))
    check_best(arguments)
    for override in overrides_in(arguments):
        if key_of(override) == "search":
            raise ValueError(f"{override} is for a search: python -m seqmodels.tune instead of seqmodels.train")
    folder = folder_to_resume(arguments, resume) if resume not in (None, "null") else None
    if folder is None:
        sys.argv[1:] = arguments
        refuse_used_folder(arguments)
    elif is_sweep(folder):
        sys.argv[1:] = command_to_resume(folder, arguments)
        if is_sweep_finished(folder):
            Sweep.folder = folder
            print(f"{folder} is finished, there is nothing to resume: python -m seqmodels.report {folder}")
            show_ranking()
            return
        Sweep.lock = locked(folder)
    else:
        go_on(folder, arguments)
        return
    try:
        with raised_by_hydra("train"):
            _job()
        show_ranking()
    except KeyboardInterrupt as stop:
        raise Stopped.of(stop, str(Sweep.folder) if Sweep.folder else None) from None
    except Exception as error:
        report = failures(Sweep.folder) if Sweep.folder else None
        if report is None:
            raise
        show_ranking()
        if not isinstance(error, JobFailed):
            traceback.print_exc()  # of a launcher
        raise JobsFailed(report) from error
    finally:
        if Sweep.lock:
            Sweep.lock.release()


def show_ranking() -> None:
    """How the finished jobs did, where the command was a sweep."""
    if Sweep.folder is not None:
        print(*ranking(Sweep.folder), sep="\n")


def refuse_used_folder(arguments: list[str]) -> None:
    """Hydra would write its log, and multirun.yaml, into the folder before `_job` could object.

    Raises:
        FileExistsError: the folder that the user chose holds a run.
    """
    if "LOCAL_RANK" in os.environ:  # under torchrun every rank runs this command, in one folder
        return
    for argument in arguments:
        key = key_of(argument)
        if key not in ("hydra.run.dir", "hydra.sweep.dir"):
            continue
        folder = Path(text_of(argument))
        if is_taken(folder):
            holds = "a run" if is_run(folder) else "a sweep" if is_sweep(folder) else "files"
            more = f"; resume={folder} goes on with it" if holds != "files" else ""
            raise FileExistsError(
                f"{folder} holds {holds} already and will not be overwritten; choose another {key}{more}"
            )


def multirun_first(arguments: list[str]) -> list[str]:
    """Hydra refuses `-m` between overrides; here it may stand anywhere."""
    flags = [argument for argument in arguments if argument in ("-m", "--multirun")]
    return flags[:1] + [argument for argument in arguments if argument not in flags]


if __name__ == "__main__":
    main()
