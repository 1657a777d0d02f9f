"""`results.json`: what a run was and what it reached, for people, for reports and for other tools.

Written by the first process at the end of each attempt, in one step; missing means unfinished. A file without a
`version` is of a build before November 2026 and is read the same.
"""

import json
import math
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from seqmodels.exceptions import first_line
from seqmodels.system.files import replace

FILE = "results.json"
VERSION = 1
STATUSES = ("completed", "interrupted", "failed", "pruned")


@dataclass(frozen=True)
class Results:
    """The contents of results.json.

    Attributes:
        status: completed, interrupted, failed, or pruned by a search.
        error: the first line of what ended a failed run.
        name: of the run, the folder under outputs/.
        datamodule: the name of the data really used.
        metrics: the last value of each, "test/acc" and so on, in the units of the data; what is no number is left out.
        monitor: the metric that chose best.ckpt.
        mode: max or min, whichever is better.
        overrides: of the command, and of every resume.
        seed: of weights, order and noise.
        parameters: that are trained.
        steps: of the optimiser.
        seconds: of this attempt, on the wall clock.
        device: "cpu, 2 threads".
        versions: of Python and of the packages that decide about the numbers.
        git: commit and whether the code was changed since; None outside a checkout.
        facts: what the data adds, such as `baselines` or `permutation`; keys of their own in the file.
        version: of this format.
    """

    status: str
    name: str
    monitor: str
    mode: str
    error: str | None = None
    datamodule: str | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    overrides: list[str] = field(default_factory=list)
    seed: int | None = None
    parameters: int | None = None
    steps: int | None = None
    seconds: float | None = None
    device: str | None = None
    versions: dict[str, str] = field(default_factory=dict)
    git: dict[str, Any] | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    version: int = VERSION

    def write(self, folder: Path) -> None:
        """Into the run's folder; a reader never sees half of it."""
        own = {name: getattr(self, name) for name in ("version", *KEYS)}
        replace(folder / FILE, json.dumps(own | self.facts, indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Of a run's folder. Nothing in it is trusted to be what it should be: a value of another type is left out.

        Raises:
            OSError: there is none.
            ValueError: it is not JSON, or says no status.
        """
        content = _content(folder / FILE)
        known = {name: _typed(content.get(name), TYPES[name]) for name in KEYS}
        metrics = {str(name): float(value) for name, value in (known["metrics"] or {}).items() if is_number(value)}
        given = {name: value for name, value in known.items() if value is not None}
        given |= {"metrics": metrics, "name": known["name"] or "", "monitor": known["monitor"] or ""}
        given |= {"mode": known["mode"] or "", "version": _typed(content.get("version"), (int,)) or 0}
        given["overrides"] = [one for one in known["overrides"] or [] if isinstance(one, str)]
        return cls(**given, facts={key: value for key, value in content.items() if key not in (*KEYS, "version")})


KEYS = tuple(one.name for one in fields(Results) if one.name not in ("facts", "version"))
TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("status", "error", "name", "datamodule", "monitor", "mode", "device"), (str,)),
    **dict.fromkeys(("metrics", "versions", "git"), (dict,)),
    **dict.fromkeys(("seed", "parameters", "steps"), (int,)),
    "seconds": (int, float),
    "overrides": (list,),
}


def is_number(value: Any) -> bool:
    """JSON's integers have no end, but floats have; true is no number."""
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1e300)


def _typed(value: Any, kinds: tuple[type, ...]) -> Any:
    if not isinstance(value, kinds) or isinstance(value, bool):
        return None
    return value if not isinstance(value, int | float) or (is_number(value) and math.isfinite(value)) else None


def _content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{FILE} cannot be read: {first_line(error)}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{FILE} holds {type(content).__name__}, not a run's results")
    if content.get("status") not in STATUSES:
        raise ValueError(f"{FILE}: status is {content.get('status')!r}, none of {', '.join(STATUSES)}")
    return content
