"""A sweep as its folder remembers it: the overrides of its command in multirun.yaml, and a folder for each job.

outputs/mnist_lstm/sweep_2026-11-22_10-00-00_000000/
    multirun.yaml  0_core-rnn_seed-1/  1_core-rnn_seed-2/  ...

A job goes on where its folder stands, so a sweep is resumed by starting it again in its folder.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, open_dict, read_write

from seqmodels.config.normalize import config_dirs
from seqmodels.config.outputs import all_places
from seqmodels.config.overrides import overrides_in, parse, quote, text_of, without
from seqmodels.config.yaml_files import read_yaml
from seqmodels.runs.record import is_finished, is_run, results_of
from seqmodels.sweeps.saved_command import LAUNCHER, MULTIRUN, command_of, jobs_of, launcher_of, not_taken
from seqmodels.system.files import short
from seqmodels.system.locks import lock_at, without_locks
from seqmodels.system.terminal import say
from seqmodels.system.untrusted import refuse_links

FROM_FOLDER = "hydra.callbacks.sweep.from_folder=true"

LOCK = ".lock"

FLAGS = ("-m", "--multirun", "hydra.mode=MULTIRUN")


class Sweep(Callback):
    """Hydra tells it when a sweep begins and ends; set in conf/train.yaml.

    Attributes:
        folder: of the sweep that this process runs; None before it has begun.
    """

    folder: Path | None = None
    lock: FileLock | None = None

    def __init__(self, from_folder: bool = False) -> None:
        """
        Args:
            from_folder: what the jobs are was read from the sweep's folder; each job looks at `hydra.callbacks.sweep`.
        """

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """A sweep over experiments, whose names differ, still has one folder: that of the command, not of the jobs.

        And what is the same in all of its jobs stands in none of their names.
        """
        folder = config.hydra.sweep.dir
        Sweep.folder = Path(folder).absolute()
        if Sweep.lock is None:  # one that goes on has been locked before Hydra began
            Sweep.lock = locked(Sweep.folder)
        said = parse(config.hydra.overrides.task)
        differ = {one.key_or_group for one in said if one.is_sweep_override()}
        same = [quote(key) for key in dict.fromkeys(one.key_or_group for one in said) if key not in differ]
        with read_write(config), open_dict(config):
            config.hydra.overrides.hydra += [
                f"hydra.sweep.dir={quote(folder)}",
                f"hydra.job.config.override_dirname.exclude_keys=[{','.join(same)}]",
            ]

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        assert Sweep.folder
        say(f"{len(job_folders(Sweep.folder))} jobs are finished: python -m seqmodels.report {short(Sweep.folder)}")


def is_sweep_finished(folder: Path) -> bool:
    """Whether every job of the command has come to its end, where the command alone says how many there are."""
    hydra = read_yaml(folder / MULTIRUN).get("hydra", {})
    sweeper = hydra.get("sweeper", {})
    own = f"{BasicSweeper.__module__}.{BasicSweeper.__qualname__}"
    if sweeper.get("_target_") != own or sweeper.get("params"):
        return False  # another sweeper, or a YAML that may have changed
    batches = BasicSweeper.split_arguments(parse(hydra["overrides"]["task"]), max_batch_size=None)
    jobs = job_folders(folder)
    return len(jobs) == sum(map(len, batches)) and all(map(is_finished, jobs))


def locked(folder: Path) -> FileLock:
    """The lock of a sweep, held for as long as this process runs it.

    Raises:
        BlockingIOError: another process runs the sweep.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = lock_at(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise BlockingIOError(
            f"{folder} is being run by another process at this moment; wait for its end, or stop it first"
        ) from None
    except OSError as error:
        if not without_locks(error):
            raise
    return lock


def is_sweep(folder: Path) -> bool:
    """Whether the folder holds the jobs of a sweep."""
    return (folder / MULTIRUN).is_file()


def begins_sweep(arguments: Sequence[str]) -> bool:
    """Whether the command is a multirun; the YAMLs in conf/sweep/ make it one without `-m`."""
    return any(argument in FLAGS or argument.startswith("+sweep=") for argument in arguments)


def last_sweep_of(arguments: Sequence[str]) -> Path | None:
    """The newest sweep that this command has made; None if there is none. One that cannot be read is passed over.

    Args:
        arguments: of the command; `hydra.sweep.dir` among them names the only folder in question.
    """
    chosen = [text_of(argument) for argument in arguments if argument.startswith("hydra.sweep.dir=")]
    places = [Path(chosen[-1])] if chosen else all_places("sweep_*")
    sweeps = sorted(filter(is_sweep, places), key=lambda place: (place / MULTIRUN).stat().st_mtime, reverse=True)
    for sweep in sweeps:
        with suppress(ValueError):
            if _about_jobs(command_of(sweep)[0]) == _about_jobs(arguments):
                return sweep
    return None


def command_to_resume(folder: Path, arguments: Sequence[str]) -> list[str]:
    """The command that goes on with a sweep in its folder.

    Args:
        folder: of the sweep.
        arguments: what else the command said: the sweep's own again, or none; the launcher may be another one, and
            `trust=` may stand beside both. Of the folder's words only what the jobs are and the launcher count.

    Raises:
        ValueError: the overrides are those of another sweep.
    """
    refuse_links(folder)
    jobs = command_of(folder)[0]
    said = _about_jobs(arguments)
    if said and said != _about_jobs(jobs):
        raise ValueError(
            f"the sweep in {folder} was started with other overrides: {' '.join(jobs)}. Say these again beside "
            f"resume=, or none; for other overrides begin a sweep of its own"
        )
    rest = [argument for argument in arguments if argument not in FLAGS]
    overrides = overrides_in(rest)
    flags = [argument for argument in rest if argument not in overrides]
    overrides = [one for one in overrides if not one.startswith("hydra.sweep.dir=")]
    if not said:
        overrides += [*jobs_of(folder, config_dirs(flags)), FROM_FOLDER]
        overrides += [] if any(one.startswith(LAUNCHER) for one in overrides) else launcher_of(folder)
        if left := not_taken(folder):
            say(f"not taken from {short(folder / MULTIRUN)}: {' '.join(left)}; say it again if you want it")
    place = f"hydra.sweep.dir={quote(str(folder))}"
    return ["-m", *flags, place, *overrides]  # argparse wants the overrides side by side


def _about_jobs(arguments: Sequence[str]) -> list[str]:
    """The overrides that say what the jobs are, sorted."""
    overrides = without(overrides_in(arguments), "trust")
    return sorted(override for override in overrides if not override.startswith(("hydra.", "hydra/")))


def check_number(folder: Path) -> None:
    """
    Raises:
        ValueError: the job of this number was another one when the sweep began.
    """
    number = folder.name.partition("_")[0]
    others = [place.name for place in folder.parent.glob(f"{number}_*") if place != folder and is_run(place)]
    if others:
        _remove_logs(folder)
        raise ValueError(
            f"job {number} of this sweep was {others[0]} and would now be {folder.name}: the sweep's YAML has changed. "
            f"Begin a sweep of its own, without resume="
        )


def _remove_logs(folder: Path) -> None:
    """And with them the folder that was made for a job that shall not be."""
    for path in folder.glob("*.log"):
        path.unlink()
    with suppress(OSError):  # it holds something else
        folder.rmdir()


def job_folders(folder: Path) -> list[Path]:
    """Those of a sweep's jobs, in the order of their numbers."""
    numbered = [(place.name.partition("_")[0], place) for place in folder.iterdir() if place.is_dir()]
    return [place for _, place in sorted((int(number), place) for number, place in numbered if number.isdecimal())]


def failures(folder: Path) -> str | None:
    """One line for each job of the sweep that did not finish; None when all did."""
    jobs = job_folders(folder) if folder.is_dir() else []
    unfinished = [job for job in jobs if not is_finished(job)]
    if not unfinished:
        return None
    lines = [f"  {job.name}: {_why(job)}" for job in unfinished]
    return (
        f"{len(unfinished)} of {len(jobs)} jobs did not finish:\n" + "\n".join(lines) + f"\nresume={short(folder)} "
        f"goes on with them; the others are kept"
    )


def _why(job: Path) -> str:
    ended = results_of(job)
    if ended and ended.status == "interrupted":
        return ended.error or "was interrupted"
    return (ended and ended.error) or f"ended without a word, as a killed process does; see {short(job)}"
