"""A test in a few lines: the model beside forecasts and guesses that cost nothing, and where it is worst."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seqmodels.modules.base import DIRECTIONS
from seqmodels.runs.results import Results

IN_ONE_UNIT = ("mae", "loss", "acc_balanced")
"""By which a model is held against the baselines of its data: the first that all have."""

IN_SEVERAL_UNITS = ("mase", *IN_ONE_UNIT)
"""The same of several series or targets, whose errors cannot be added."""

SHOWN = 8
"""Series or targets on the console; results.json has all."""


def compared(results: Results) -> str | None:
    """ "mae 0.139, naive 0.484: 71 % less"; None where the data has no baseline, or none that can be compared."""
    measure, baselines = _compared_by(results)
    if not baselines:
        return None
    own = results.metrics[f"test/{measure}"]
    differ = difference if DIRECTIONS[measure] == "min" else points
    beside = (f"{spelled(name)} {value:.3g}: {differ(own, value)}" for name, value in baselines.items())
    return f"{measure} {own:.3g}, {', '.join(beside)}"


def beaten_by(results: Results) -> tuple[str, str, float, float] | None:
    """The baseline that is no worse than the model, the measure, and its value of both; None if there is none."""
    measure, baselines = _compared_by(results)
    if not baselines:
        return None
    own, sign = results.metrics[f"test/{measure}"], 1 if DIRECTIONS[measure] == "min" else -1
    best = min(baselines, key=lambda name: sign * baselines[name])
    beaten = sign * baselines[best] <= sign * own or is_same(own, baselines[best])
    return (best, measure, baselines[best], own) if beaten else None


def is_same(own: float, other: float) -> bool:
    """Whether two values differ by no more than float32, in which a model is measured, rounds."""
    return math.isclose(own, other, rel_tol=1e-6)


def difference(own: float, other: float) -> str:
    """How far one value is from another, "71 % less", of numbers above 0."""
    if is_same(own, other):
        return "the same"
    if not other > 0:
        return "more" if own > other else "less"
    percent = 100 * (own / other - 1)
    text = f"{abs(percent):.0f}" if abs(percent) >= 0.5 else f"{abs(percent):.1g}"
    return f"{text} % {'more' if percent > 0 else 'less'}"


def points(own: float, other: float) -> str:
    """How far one share is from another, "31 points more"."""
    if is_same(own, other):
        return "the same"
    distance = 100 * (own - other)
    return f"{abs(distance):.3g} points {'more' if distance > 0 else 'less'}"


def series_line(results: Results) -> str | None:
    """Which mean the headline is, which series is the worst, and how many lose to a naive forecast; None of one."""
    series: Sequence[Mapping[str, Any]] = results.facts.get("by_series", [])
    measure = "mase" if any(one.get("mase") is not None for one in series) else "mae"
    known = [one for one in series if one.get(measure) is not None]
    if not known:
        return None
    worst = max(known, key=lambda one: one[measure])
    pooled = results.facts["pooled"][measure]
    text = f"{measure} is the mean of {len(known):,} series, {pooled:.3g} pooled; worst {worst['name']}, "
    text += f"{worst[measure]:.3g}"
    rivals = [one for one in known if one.get(f"naive_{measure}") is not None]
    if rivals:
        lost = sum(one[f"naive_{measure}"] <= one[measure] for one in rivals)
        text += f"; {lost:,} of {len(rivals):,} lose to naive"
    unmeasured = len(series) - len(known)
    return text + (f"; {unmeasured:,} without a {measure}, since they never change in training" if unmeasured else "")


def part_lines(results: Results) -> Iterator[str]:
    """A line for each target, and for each series from the worst on."""
    for kind in ("by_target", "by_series"):
        rows: Sequence[Mapping[str, Any]] = results.facts.get(kind, [])
        if kind == "by_series":
            rows = sorted(rows, key=lambda one: -(one.get("mase") or one.get("mae") or 0))
        for one in rows[:SHOWN]:
            measures = (f"{name} {one[name]:.3g}" for name in ("mae", "mase", "r2") if one.get(name) is not None)
            naive = one.get("naive_mae")
            beside = f", naive mae {naive:.3g}: {difference(one['mae'], naive)}" if naive is not None else ""
            yield f"{one['name']}  {', '.join(measures)}{beside}"
        if len(rows) > SHOWN:
            yield f"and {len(rows) - SHOWN:,} more in results.json"


def spelled(name: str) -> str:
    """A baseline's name in words."""
    return name.replace("_", " ")


def _compared_by(results: Results) -> tuple[str, dict[str, float]]:
    """The measure that the model and its baselines have in common, and that of each baseline."""
    several = "by_series" in results.facts or "by_target" in results.facts
    for measure in IN_SEVERAL_UNITS if several else IN_ONE_UNIT:
        baselines = {
            name: measures[measure]
            for name, measures in results.facts.get("baselines", {}).items()
            if measures.get(measure) is not None
        }
        if baselines and f"test/{measure}" in results.metrics:
            return measure, baselines
    return "", {}
