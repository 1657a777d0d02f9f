"""Runs as their folders tell them. Nothing in a folder is trusted to be what it should be."""

import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from seqmodels.config.overrides import split
from seqmodels.reporting.settings import first_line, load, settings_of, text
from seqmodels.runs.record import CONFIG
from seqmodels.runs.results import FILE

STATUSES = ("completed", "interrupted", "failed", "pruned")


@dataclass(frozen=True)
class Run:
    """A run.

    Attributes:
        folder: absolute.
        status: one of STATUSES, "unfinished" without results.json, "unreadable".
        data: the name of the data really used; None when the run did not get so far.
        settings: what makes the experiment, flat.
        words: of its command.
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
    words: list[str]
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
    results: dict[str, Any] = {}
    status, problem, time = "unfinished", None, 0.0
    try:
        if (folder / FILE).exists():
            time = (folder / FILE).stat().st_mtime
            results = _results(folder / FILE)
            status = results["status"]
    except (OSError, ValueError) as error:
        status, problem = "unreadable", first_line(error)
    words = [word for word in _typed(results, "overrides", list) or [] if isinstance(word, str)]
    try:
        if (folder / CONFIG).exists():
            config, settings = settings_of(folder)
        else:
            settings = {part.key: part.value for part in map(split, words) if part.value is not None}
            settings.pop("seed", None)
    except (OSError, ValueError) as error:
        status, problem = "unreadable", problem or first_line(error)
    known = {**{key: config.get(key) for key in ("name", "monitor", "mode", "seed")}, **results}
    mode = _typed(known, "mode", str)
    if mode not in ("max", "min"):
        status, problem = "unreadable", problem or f"mode is {known.get('mode')!r}, neither max nor min"
    return Run(
        folder=folder,
        status=status,
        name=_typed(known, "name", str) or "unnamed",
        data=_typed(results, "datamodule", str),
        monitor=_typed(known, "monitor", str) or "no monitor",
        mode=mode if mode in ("max", "min") else "max",
        seed=_typed(known, "seed", int),
        settings=settings,
        words=words,
        metrics={
            str(name): float(value)
            for name, value in (_typed(results, "metrics", dict) or {}).items()
            if _is_number(value)
        },
        parameters=_number(results, "parameters"),
        steps=_number(results, "steps"),
        seconds=_number(results, "seconds"),
        device=_typed(results, "device", str),
        extras=_extras(results),
        error=problem or _typed(results, "error", str),
        time=time,
    )


def choice(run: Run, group: str) -> str | None:
    """Which YAML was chosen in a config group, "gru" for "core", as far as the command or Hydra's record tells."""
    for word in reversed(run.words):
        _, key, value = split(word)
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


def _results(path: Path) -> dict[str, Any]:
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{FILE} cannot be read: {first_line(error)}") from error
    if not isinstance(results, dict):
        raise ValueError(f"{FILE} holds {type(results).__name__}, not a run's results")
    if results.get("status") not in STATUSES:
        raise ValueError(f"{FILE}: status is {results.get('status')!r}, none of {', '.join(STATUSES)}")
    return results


def _typed(values: dict[str, Any], key: str, kind: type) -> Any:
    value = values.get(key)
    return value if isinstance(value, kind) and not isinstance(value, bool) else None


def _is_number(value: Any) -> bool:
    """JSON's integers have no end, but floats have."""
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1e300)


def _number(values: dict[str, Any], key: str) -> float | None:
    value = values.get(key)
    return value if value is not None and _is_number(value) and math.isfinite(value) else None


def _extras(results: dict[str, Any]) -> dict[str, str]:
    known = {*Run.__dataclass_fields__, "datamodule", "overrides"}
    flat: dict[str, str] = {}

    def flatten(node: Any, path: str) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                flatten(value, f"{path}.{key}")
        elif node is not None:
            flat[path] = text(path, node)

    for key, value in results.items():
        if key not in known:
            flatten(value, key)
    return flat


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
