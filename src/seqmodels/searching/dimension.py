"""One thing that differs between the trials of a search, and the words that set it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from optuna import Trial

from seqmodels.composing import quote

Choice = str | int | float | bool | None
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
"""Text that Hydra takes for itself, unless it is one of these words."""
SPECIAL = ("true", "false", "null", "nan", "inf", "yes", "no", "on", "off")


@dataclass(frozen=True)
class Dimension:
    """One thing that differs between trials.

    Attributes:
        key: what stands before the `=` of its word.
        type: float, int or categorical.
        low, high, step, log: of a number; both ends belong to it.
        choices: of a categorical one.
        words: those of a named choice; empty when the choices are plain values.
        when: other keys and the values under which this one counts.
    """

    key: str
    type: str
    low: float = 0
    high: float = 0
    step: float | None = None
    log: bool = False
    choices: tuple[Choice, ...] = ()
    words: Mapping[Choice, tuple[str, ...]] | None = None
    when: Mapping[str, tuple[Choice, ...]] | None = None

    def suggest(self, trial: Trial) -> Choice:
        """The value that the trial has, or is given now."""
        if self.type == "categorical":
            return trial.suggest_categorical(self.key, self.choices)
        if self.type == "int":
            return trial.suggest_int(self.key, int(self.low), int(self.high), step=int(self.step or 1), log=self.log)
        return trial.suggest_float(self.key, self.low, self.high, step=self.step, log=self.log)

    def words_for(self, value: Choice) -> tuple[str, ...]:
        """The words that give a run this value."""
        return (f"{self.key}={text_of(value)}",) if self.words is None else self.words[value]

    def summary(self) -> str:
        """On one line: `module.optimizer.lr  0.0001 to 0.1, log`."""
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
    chosen: dict[str, Choice] = {}
    for dimension in space:
        if dimension.counts(chosen):
            chosen[dimension.key] = dimension.suggest(trial)
    return chosen


def words_for(space: tuple[Dimension, ...], chosen: Mapping[str, Choice]) -> list[str]:
    """The words of a trial for which these values were chosen."""
    return [
        word for dimension in space if dimension.key in chosen for word in dimension.words_for(chosen[dimension.key])
    ]


def text_of(value: Choice) -> str:
    """The value as Hydra's grammar reads it back."""
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "null")
    if isinstance(value, str):
        return value if PLAIN.fullmatch(value) and value.lower() not in SPECIAL else quote(value)
    return repr(value)
