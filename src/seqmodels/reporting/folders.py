"""Which folders hold runs."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from seqmodels.config.outputs import DEBUG
from seqmodels.reporting.runs import Run, read_run
from seqmodels.runs.record import CONFIG, is_run
from seqmodels.runs.results import FILE

NOT_ENTERED = ("checkpoints", "figures", "evaluations", "export", "__pycache__", DEBUG)


def runs_below(folders: Sequence[Path]) -> tuple[list[Run], list[str]]:
    """All runs in and below the folders, each once, and notes on what could not be looked at.

    Files among the folders are passed over: a shell's `sweep/*` names them too.

    Raises:
        OSError: a path does not exist, or none of them is a folder.
        ValueError: no folder holds a run.
    """
    missing = [folder for folder in folders if not folder.exists()]
    if missing:
        raise FileNotFoundError(f"{missing[0]} does not exist; give folders of runs, such as outputs/NAME")
    places = [folder for folder in folders if folder.is_dir()]
    if not places:
        raise NotADirectoryError(f"{folders[0]} is a file; give the folders of runs, or folders above them")
    notes: list[str] = []
    found: dict[Path, list[Path]] = {place: list(_run_folders(place, notes)) for place in places}
    if not any(found.values()):
        raise ValueError(
            f"no runs in {', '.join(map(str, places))}: a run's folder holds {CONFIG}, and {FILE} at its end"
        )
    notes += [f"no runs in {place}" for place, runs in found.items() if not runs]
    return [read_run(run) for run in dict.fromkeys(run for runs in found.values() for run in runs)], notes


def _run_folders(top: Path, notes: list[str]) -> Iterator[Path]:
    """The folder above a sweep or a study may have a config of its own, but it is no unfinished run."""
    unfinished: list[Path] = []
    finished: list[Path] = []

    def problem(error: OSError) -> None:
        notes.append(f"cannot look into {error.filename}: {error.strerror}")

    for place, folders, files in os.walk(top.resolve(), onerror=problem):
        folder = Path(place)
        if FILE in files:
            finished.append(folder)
        elif ".hydra" in folders and is_run(folder):
            unfinished.append(folder)
        if DEBUG in folders:
            notes.append(f"{folder / DEBUG} is left out: debug runs are no results; name that folder to see them")
        folders[:] = sorted(name for name in folders if name not in NOT_ENTERED and not name.startswith("."))
    above = {parent for folder in (*finished, *unfinished) for parent in folder.parents}
    yield from sorted([*finished, *(folder for folder in unfinished if folder not in above)])
