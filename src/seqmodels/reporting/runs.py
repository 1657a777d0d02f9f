"""Runs as their folders tell them. Nothing in a folder is trusted to be what it should be."""

import math
import os
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from seqmodels.config.flat import flat
from seqmodels.config.overrides import split
from seqmodels.config.yaml_files import read_yaml
from seqmodels.exceptions import first_line
from seqmodels.reporting.curves import read_curves
from seqmodels.reporting.settings import settings_of, settings_said, text
from seqmodels.runs.record import CONFIG, is_run
from seqmodels.runs.results import FILE, Results, of_kind, read_results

BY_WEIGHTS = 2
"""The version of results.json since which its metrics are those of the weights that were tested."""


@dataclass(frozen=True, kw_only=True)
class Run(Results):
    """A run: what its results say, and where they say nothing its config.

    Attributes:
        status: as in results.json; "unfinished" without one, "unreadable" where the folder is damaged.
        error: what went wrong, if the run or this reader knows.
        folder: absolute.
        settings: what makes the experiment, flat.
        time: when results.json was written, in seconds since 1970; 0 without one.
    """

    name: str
    monitor: str
    mode: str
    folder: Path
    settings: dict[str, str]
    time: float = 0.0

    @property
    def value(self) -> float | None:
        """Of the monitor; None where it is missing or not finite."""
        value = self.metrics.get(self.monitor)
        return value if value is not None and math.isfinite(value) else None

    @cached_property
    def extras(self) -> dict[str, str]:
        """The rest of results.json, flat."""
        reached = {key: asdict(one) for key, one in (("best", self.best), ("last", self.last)) if one}
        rest = flat({"weights": self.weights, **reached, "versions": self.versions, "git": self.git, **self.facts})
        return {key: text(key, value) for key, value in rest.items() if value not in (None, {})}


def read_run(folder: Path) -> Run:
    """The run in a folder; what is wrong with it becomes its `error`, never an exception."""
    results = Results(status="unfinished")
    config: dict[str, Any] = {}
    settings: dict[str, str] = {}
    problem, time = None, 0.0
    try:
        time = (folder / FILE).stat().st_mtime
        results = read_results(folder)
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        problem = first_line(error)
    try:
        config, settings = settings_of(folder) if is_run(folder) else ({}, settings_said(results.overrides))
    except (OSError, ValueError) as error:
        problem = problem or first_line(error)
    known: dict[str, Any] = {
        "name": results.name or of_kind(config, "name", str) or "unnamed",
        "monitor": results.monitor or of_kind(config, "monitor", str) or "no monitor",
        "mode": results.mode or of_kind(config, "mode", str),
        "seed": of_kind(config, "seed", int) if results.seed is None else results.seed,
    }
    if known["mode"] not in ("max", "min"):
        problem = problem or f"mode is {known['mode']!r}, neither max nor min"
        known["mode"] = "max"
    if results.version < BY_WEIGHTS and settings.get("test") != "last":
        known["metrics"] = results.metrics | _best_in_file(folder, known["monitor"], known["mode"])
    if problem:
        known |= {"status": "unreadable", "error": problem.replace(f"{folder}{os.sep}", "")}
    return Run(**vars(results) | known, folder=folder, settings=settings, time=time)


def _best_in_file(folder: Path, monitor: str, mode: str) -> dict[str, float]:
    """What results.json did not say before it went by weights: the best value of the monitor, from metrics.csv."""
    curves = read_curves(folder, [monitor])
    return {monitor: float(max(curves[monitor][1]) if mode == "max" else min(curves[monitor][1]))} if curves else {}


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
        node: Any = read_yaml(path)
    except (OSError, ValueError):
        return {}
    for key in ("hydra", "runtime", "choices"):
        node = node.get(key) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else {}
