"""What is searched, and the overrides that one trial is given of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from optuna import Trial
from optuna.trial import FrozenTrial

from seqmodels.config.migrate import migrated_key
from seqmodels.config.overrides import quote

Choice = str | int | float | bool | None

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
"""Text that Hydra takes for itself, unless it is one of SPECIAL."""

SPECIAL = ("true", "false", "null", "nan", "inf", "yes", "no", "on", "off")


@dataclass(frozen=True)
class Dimension:
    """One thing that differs between trials.

    Attributes:
        key: what stands before the `=` of its override.
        type: float, int or categorical.
        low, high, step, log: of a number; both ends belong to it.
        choices: of a categorical one.
        overrides: those of a named choice; empty when the choices are plain values.
        when: other keys and the values under which this one counts.
    """

    key: str
    type: str
    low: float = 0
    high: float = 0
    step: float | None = None
    log: bool = False
    choices: tuple[Choice, ...] = ()
    overrides: Mapping[Choice, tuple[str, ...]] | None = None
    when: Mapping[str, tuple[Choice, ...]] | None = None

    def suggest(self, trial: Trial, name: str) -> Choice:
        """The value that the trial has, or is given now, under a name in the study."""
        if self.type == "categorical":
            return trial.suggest_categorical(name, self.choices)
        if self.type == "int":
            return trial.suggest_int(name, int(self.low), int(self.high), step=int(self.step or 1), log=self.log)
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)

    def overrides_for(self, value: Choice) -> tuple[str, ...]:
        """The overrides that give a run this value."""
        return (f"{self.key}={text_of(value)}",) if self.overrides is None else self.overrides[value]

    def summary(self) -> str:
        """On one line: `optimizer.lr  0.0001 to 0.1, log`."""
        if self.type == "categorical":
            text = " | ".join(map(text_of, self.choices))
        else:
            text = (
                f"{self.low} to {self.high}"
                + (", log" if self.log else "")
                + (f", steps of {self.step}" if self.step else "")
            )
        conditions = [f"{key}={'|'.join(map(text_of, values))}" for key, values in (self.when or {}).items()]
        return f"{self.key}  {text}" + (f", when {' and '.join(conditions)}" if conditions else "")

    def counts(self, chosen: Mapping[str, Choice]) -> bool:
        """Whether it belongs to a trial for which these values were chosen."""
        return all(key in chosen and chosen[key] in values for key, values in (self.when or {}).items())


def suggest(space: tuple[Dimension, ...], trial: Trial) -> dict[str, Choice]:
    """The value of every dimension that counts in this trial."""
    begun_as = trial.study.user_attrs.get("search", {}).get("space", {})
    names = {migrated_key(name): name for name in begun_as}  # a study goes on under the names it began with
    chosen: dict[str, Choice] = {}
    for dimension in space:
        if dimension.counts(chosen):
            chosen[dimension.key] = dimension.suggest(trial, names.get(dimension.key, dimension.key))
    return chosen


def values_of(trial: FrozenTrial) -> dict[str, Any]:
    """What was chosen for a trial, by the keys of today."""
    return {migrated_key(name): value for name, value in trial.params.items()}


def overrides_for(space: tuple[Dimension, ...], chosen: Mapping[str, Choice]) -> list[str]:
    """The overrides of a trial for which these values were chosen."""
    return [
        override
        for dimension in space
        if dimension.key in chosen
        for override in dimension.overrides_for(chosen[dimension.key])
    ]


def text_of(value: Choice) -> str:
    """The value as Hydra's grammar reads it back."""
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "null")
    if isinstance(value, str):
        return value if PLAIN.fullmatch(value) and value.lower() not in SPECIAL else quote(value)
    return repr(value)


def without_fixed(space: tuple[Dimension, ...], fixed: Mapping[str, Choice]) -> tuple[Dimension, ...]:
    """What is left to search when the command itself gives some of the values."""
    left = []
    for dimension in space:
        known = {key: values for key, values in (dimension.when or {}).items() if key in fixed}
        if dimension.key not in fixed and all(fixed[key] in values for key, values in known.items()):
            open_ = {key: values for key, values in (dimension.when or {}).items() if key not in fixed}
            left.append(replace(dimension, when=open_))
    return tuple(left)
