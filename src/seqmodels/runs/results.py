"""results.json: how the last attempt of a run ended, and what it reached. Other tools may rely on it.

{"version": 1, "status": "completed", "name": "mnist_lstm", "datamodule": "mnist", "metrics": {"test/acc": 0.98}, ...}

Its keys are the attributes of `Results`; what the data adds (`facts`) stands beside them. Numbers that are not finite
are written as Python's json does, NaN and Infinity.

A run counts with the weights that it tests: the best ones by its `monitor`, or with test=last the last. Its `metrics`
are all of these weights. The console, loggers, sweeps, searches and reports go by that one rule. Of a file of version 0
or 1 they are the last values, beside a test of the best weights.
"""

import json
import math
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from seqmodels.config.migrate import migrated_override
from seqmodels.exceptions import first_line
from seqmodels.system.files import replace
from seqmodels.system.untrusted import read_text

FILE = "results.json"
VERSION = 2
STATUSES = ("completed", "interrupted", "failed", "pruned", "evaluated")

IDENTITY = ("files", "sequences", "images")
"""Facts that differ when the data does: sizes and rows, or a hash of the contents."""


@dataclass(frozen=True)
class Reached:
    """What a validation found: the optimizer step after which it was, None where that is not known, and its values."""

    step: int | None
    metrics: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Results:
    """The results of a run, or of a later test of it.

    Attributes:
        version: of the file; 0 for one without a number.
        status: how the last attempt ended: completed, interrupted, failed, or pruned by a search; evaluated for a test
            of a trained run.
        error: the first line of what went wrong; None if nothing did.
        ended_early: what ended a completed training before `max_steps` and `max_epochs`, max_time or early stopping,
            and at which step; None where it reached its end.
        name: of the experiment.
        datamodule: the name of the data really used; None when the run did not get so far.
        metrics: "val/acc", "test/acc" and so on, all of the same weights.
        weights: which these are, best or last; None as long as nothing was measured.
        best: the validation with the best `monitor`, ...
        last: ... and the last one; None where there was none. The last weights are those of `steps`.
        monitor: the metric that the run was after, ...
        mode: ... and whether max or min of it.
        overrides: of the command, then those beside each `resume=`.
        seed: of the run.
        parameters: how many numbers are trained.
        state_bytes: what one stream's state takes, in the precision of the weights.
        steps: optimizer steps so far, of all attempts.
        seconds: that the last attempt took, from building its parts to the end of its test.
        device: what computed, "cpu, 2 threads".
        versions: of Python and of the packages that decide about the numbers.
        git: the commit of the code, and whether it was changed since (dirty); None outside a checkout.
        facts: what the data has to say, with keys of its own: a permutation and its hash, baselines, its files; of a
            test also which run and which checkpoint it was.
    """

    version: int = VERSION
    status: str
    error: str | None = None
    ended_early: str | None = None
    name: str | None = None
    datamodule: str | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    weights: str | None = None
    best: Reached | None = None
    last: Reached | None = None
    monitor: str | None = None
    mode: str | None = None
    overrides: list[str] = field(default_factory=list)
    seed: int | None = None
    parameters: float | None = None
    state_bytes: float | None = None
    steps: float | None = None
    seconds: float | None = None
    device: str | None = None
    versions: dict[str, str] = field(default_factory=dict)
    git: dict[str, Any] | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def data_identity(self) -> str | None:
        """What tells the data from another of the same name and path, as text; None where the facts do not say."""
        found = {key: self.facts[key] for key in IDENTITY if key in self.facts}
        return json.dumps(found, sort_keys=True) if found else None

    def write(self, folder: Path) -> None:
        """Into the run's folder, in one step, so that a reader never sees half of it."""
        own = {one.name: getattr(self, one.name) for one in fields(Results) if one.name != "facts"}
        own |= {key: asdict(own[key]) for key in ("best", "last") if own[key]}
        replace(folder / FILE, json.dumps(own | self.facts, default=str, indent=2) + "\n")


def read_results(folder: Path) -> Results:
    """The results in a folder; values that are not of their kind count as missing, since anything may stand there.

    Raises:
        OSError: there are none that can be read.
        ValueError: they are damaged, or of a later version; the message begins with the file's path.
    """
    path = folder / FILE
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read: {first_line(error)}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds {type(content).__name__}, not a run's results")
    if content.get("status") not in STATUSES:
        raise ValueError(f"{path}: status is {content.get('status')!r}, none of {', '.join(STATUSES)}")
    version = of_kind(content, "version", int) or 0
    if version > VERSION:
        raise ValueError(f"{path} is of version {version}, and this seqmodels reads up to {VERSION}; use a later one")
    texts = ("status", "error", "ended_early", "name", "datamodule", "monitor", "mode", "device")
    read: dict[str, Any] = {key: of_kind(content, key, str) for key in texts}
    read |= {key: _finite(content.get(key)) for key in ("parameters", "state_bytes", "steps", "seconds")}
    return Results(
        **read,
        version=version,
        metrics=_metrics(content),
        weights=weights if (weights := content.get("weights")) in ("best", "last") else None,
        best=_reached(content, "best"),
        last=_reached(content, "last"),
        overrides=[migrated_override(one) for one in of_kind(content, "overrides", list) or [] if isinstance(one, str)],
        seed=of_kind(content, "seed", int),
        versions={name: str(value) for name, value in _mapping(content, "versions").items()},
        git=of_kind(content, "git", dict),
        facts={key: value for key, value in content.items() if key not in Results.__dataclass_fields__},
    )


def of_kind(content: dict[str, Any], key: str, kind: type) -> Any:
    """The value of a key; None where it is missing or of another kind."""
    value = content.get(key)
    return value if isinstance(value, kind) and not isinstance(value, bool) else None


def _mapping(content: dict[str, Any], key: str) -> dict[str, Any]:
    return of_kind(content, key, dict) or {}


def _metrics(content: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in _mapping(content, "metrics").items() if _is_number(value)}


def _reached(content: dict[str, Any], key: str) -> Reached | None:
    found = _mapping(content, key)
    return Reached(of_kind(found, "step", int), _metrics(found)) if found else None


def _is_number(value: Any) -> bool:
    """JSON's integers have no end, but floats have."""
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1e300)


def _finite(value: Any) -> float | None:
    return value if _is_number(value) and math.isfinite(value) else None
