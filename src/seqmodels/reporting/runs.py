"""Runs as their folders tell them. Nothing in a folder is trusted to be what it should be."""

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from seqmodels.config.flat import flat
from seqmodels.config.overrides import split
from seqmodels.exceptions import first_line
from seqmodels.reporting.settings import load, settings_of, text
from seqmodels.runs.record import CONFIG
from seqmodels.runs.results import FILE, Results


@dataclass(frozen=True)
class Run:
    """A run.

    Attributes:
        folder: absolute.
        status: one of STATUSES, "unfinished" without results.json, "unreadable".
        data: the name of the data really used; None when the run did not get so far.
        settings: what makes the experiment, flat.
        overrides: of its command.
        metrics: all numbers in results.json, "test/acc" and so on, with nan and inf.
        extras: the rest of results.json, flat.
        error: what went wrong, if the run or this reader knows.
        time: when results.json was written, in seconds since 1970; 0 without one.
    """

    folder: Path
    status: str
    name: str
    data: str | None
    monitor: str
    mode: str
    seed: int | None
    settings: dict[str, str]
    overrides: list[str]
    metrics: dict[str, float] = field(default_factory=dict)
    parameters: float | None = None
    steps: float | None = None
    seconds: float | None = None
    device: str | None = None
    extras: dict[str, str] = field(default_factory=dict)
    error: str | None = None
    time: float = 0.0

    @property
    def value(self) -> float | None:
        """Of the monitor; None where it is missing or not finite."""
        value = self.metrics.get(self.monitor)
        return value if value is not None and math.isfinite(value) else None


def read_run(folder: Path) -> Run:
    """The run in a folder; what is wrong with it becomes its `error`, never an exception."""
    config: dict[str, Any] = {}
    settings: dict[str, str] = {}
    results: Results | None = None
    status, problem, time = "unfinished", None, 0.0
    try:
        if (folder / FILE).exists():
            time = (folder / FILE).stat().st_mtime
            results = Results.read(folder)
            status = results.status
    except (OSError, ValueError) as error:
        status, problem = "unreadable", first_line(error)
    overrides = results.overrides if results else []
    try:
        if (folder / CONFIG).exists():
            config, settings = settings_of(folder)
        else:
            settings = {part.key: part.value for part in map(split, overrides) if part.value is not None}
            settings.pop("seed", None)
    except (OSError, ValueError) as error:
        status, problem = "unreadable", problem or first_line(error)
    name, monitor, mode = (_said(results, config, key) for key in ("name", "monitor", "mode"))
    if mode not in ("max", "min"):
        status, problem = "unreadable", problem or f"mode is {mode!r}, neither max nor min"
    seed = results.seed if results else config.get("seed")
    return Run(
        folder=folder,
        status=status,
        name=name or "unnamed",
        data=results.datamodule if results else None,
        monitor=monitor or "no monitor",
        mode=mode if mode in ("max", "min") else "max",
        seed=seed if isinstance(seed, int) and not isinstance(seed, bool) else None,
        settings=settings,
        overrides=overrides,
        metrics=results.metrics if results else {},
        parameters=results.parameters if results else None,
        steps=results.steps if results else None,
        seconds=results.seconds if results else None,
        device=results.device if results else None,
        extras=_extras(results) if results else {},
        error=problem or (results.error if results else None),
        time=time,
    )


def _said(results: Results | None, config: dict[str, Any], key: str) -> str | None:
    """By results.json, else by the config."""
    value = (results and getattr(results, key)) or config.get(key)
    return value if isinstance(value, str) else None


def choice(run: Run, group: str) -> str | None:
    """Which YAML was chosen in a config group, "gru" for "core", as far as the command or Hydra's record tells."""
    for override in reversed(run.overrides):
        _, key, value = split(override)
        if key == group and value is not None:
            return value
    recorded = _recorded(run.folder / CONFIG.with_name("hydra.yaml")).get(group)
    return recorded if isinstance(recorded, str) else None


@lru_cache(maxsize=4096)
def _recorded(path: Path) -> dict[str, Any]:
    """Hydra's own list of choices; empty for a run that was started from Python."""
    try:
        node: Any = load(path)
    except (OSError, ValueError):
        return {}
    for key in ("hydra", "runtime", "choices"):
        node = node.get(key) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else {}


def _extras(results: Results) -> dict[str, str]:
    """The versions, the commit and what the data adds, flat."""
    about = {"versions": results.versions, "git": results.git, **results.facts}
    return {key: text(key, value) for key, value in flat(about).items() if value is not None}


NOT_ENTERED = ("checkpoints", "figures", "evaluations", "export", "__pycache__")


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
            f"no runs in {', '.join(map(str, places))}: a run's folder holds .hydra/config.yaml, and {FILE} at its end"
        )
    notes += [f"no runs in {place}" for place, folders in found.items() if not folders]
    return [read_run(folder) for folder in dict.fromkeys(f for folders in found.values() for f in folders)], notes


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
        elif ".hydra" in folders and (folder / CONFIG).is_file():
            unfinished.append(folder)
        folders[:] = sorted(name for name in folders if name not in NOT_ENTERED and not name.startswith("."))
    above = {parent for folder in (*finished, *unfinished) for parent in folder.parents}
    yield from sorted([*finished, *(folder for folder in unfinished if folder not in above)])
