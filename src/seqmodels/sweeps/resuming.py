"""`resume=` on the command line: which run is meant, and going on with it without Hydra.

Hydra would compose the config anew and write it over the run's own.
"""

from pathlib import Path

from seqmodels.cli.logging import log_to
from seqmodels.config.flat import flat
from seqmodels.config.overrides import key_of, overrides_in, trusted_in
from seqmodels.runs.extend import changes_beside, is_laid_out
from seqmodels.runs.record import is_finished, is_run, is_taken, last_run_of, saved_config
from seqmodels.runs.results import read_results
from seqmodels.sweeps.folder import begins_sweep, is_sweep, last_sweep_of
from seqmodels.system.files import short
from seqmodels.system.terminal import say
from seqmodels.system.untrusted import refuse_links

SHOWS = ("-h", "--help", "--hydra-help", "--version", "-c", "--cfg", "-i", "--info", "--resolve", "-sc")
"""Hydra's flags that show something and run nothing."""


def folder_to_resume(arguments: list[str], resume: str) -> Path | None:
    """The folder, of a run or of a sweep, that `resume=` means; None when `auto` finds none of this command.

    Args:
        arguments: what else the command said.
        resume: a folder, or auto.

    Raises:
        ValueError: with a flag that only shows something, or with `-m` and the folder of a run.
        FileNotFoundError: the folder holds neither.
    """
    shows = [argument for argument in arguments if key_of(argument) in SHOWS]
    if resume == "auto":
        if shows:
            return None
        return last_sweep_of(arguments) if begins_sweep(arguments) else last_run_of(overrides_in(arguments))
    if shows:
        raise ValueError(f"{shows[0]} shows nothing of a run; its config is {resume}/.hydra/config.yaml")
    folder = Path(resume).expanduser()
    if is_sweep(folder):
        return folder
    if not is_run(folder):
        if folder.is_dir() and any(folder.iterdir()) and not is_taken(folder):
            raise FileNotFoundError(
                f"resume={resume} was ended before the run began; give the run's own command again, with "
                f"hydra.run.dir={resume} for the same folder"
            )
        raise FileNotFoundError(
            f"resume={resume} is neither the folder of a run (it holds no .hydra/config.yaml) nor of a sweep (no "
            f"multirun.yaml)"
        )
    if begins_sweep(arguments):
        raise ValueError(f"resume={resume} goes on with one run; give it without -m, or name the folder of a sweep")
    return folder


def go_on(folder: Path, arguments: list[str]) -> None:
    """Resume the run, with its log as before; says so when there is nothing left to do.

    Args:
        folder: of the run.
        arguments: what else the command said; for `resume=auto` the run's own overrides.
    """
    overrides = [override for override in overrides_in(arguments) if not override.startswith("hydra.")]
    done = is_finished(folder) and not changes_beside(folder, overrides)
    if not done:
        refuse_links(folder)
        log_to(folder)
        from seqmodels.runs.run import resume  # here, so that a mistake does not wait for torch

        done = resume(folder, overrides, trusted_in(overrides)) is None
    if done:
        by_clock = read_results(folder).ended_early or ""
        longer = f"resume={short(folder)} with a higher trainer.max_epochs=N or trainer.max_steps=N makes it longer"
        if by_clock.startswith("trainer.max_time="):
            longer = f"ended by {by_clock}; resume={short(folder)} with a higher trainer.max_time makes it longer"
        elif _ends_with_the_run(flat(saved_config(folder)).get("scheduler._target_")):
            longer = f"init_from={short(folder)} begins a new run with its weights"
        say(f"{folder} is finished, there is nothing to resume; {longer}")


def _ends_with_the_run(schedule: str | None) -> bool:
    """Whether the run's schedule cannot go on behind its end; nothing of a stranger's is imported to find out."""
    return schedule is not None and (not schedule.startswith(("seqmodels.", "torch.")) or is_laid_out(schedule))
