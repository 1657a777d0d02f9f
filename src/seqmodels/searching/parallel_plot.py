"""Parallel coordinates: one line a trial, one axis a key, the value of `monitor` on the right."""

import math
from collections.abc import Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from optuna.trial import FrozenTrial

from seqmodels.searching.setting import Search
from seqmodels.searching.space import Choice, Dimension, text_of, values_of

ABSENT = -0.12
"""Where a line passes the axis of a key that does not count in its trial; the axes go from 0 to 1."""


def draw_parallel(trials: Sequence[FrozenTrial], best: FrozenTrial | None, search: Search) -> Figure:
    """The better a trial, the darker its line; the best one is drawn thick.

    Args:
        trials: with a value each.
        best: of them.
        search: that they belong to.
    """
    figure = Figure(figsize=(2.2 + 1.5 * (len(search.space) + 1), 4.5), layout="constrained")
    axes = figure.subplots()
    values = [trial.value or 0.0 for trial in trials]
    low, high = min(values), max(values)
    ranked = sorted(trials, key=lambda trial: trial.value or 0.0, reverse=search.mode == "min")
    for rank, trial in enumerate(ranked):
        heights = [height(dimension, trial) for dimension in search.space]
        heights.append(((trial.value or 0.0) - low) / (high - low) if high > low else 0.5)
        is_best = best is not None and trial.number == best.number
        colour = matplotlib.colormaps["viridis_r"](rank / max(1, len(ranked) - 1))
        axes.plot(
            heights,
            color="tab:red" if is_best else colour,
            linewidth=2.5 if is_best else 1.2,
            alpha=1 if is_best else 0.7,
            zorder=3 if is_best else 2,
            label=f"best: trial {trial.number}" if is_best else None,
        )
    for place, dimension in enumerate(search.space):
        _draw_axis(axes, place, ticks(dimension))
    marks = [low + (high - low) * part / 4 for part in range(5)] if high > low else [low]
    _draw_axis(
        axes, len(search.space), [((i / 4) if high > low else 0.5, f"{mark:.4g}") for i, mark in enumerate(marks)]
    )
    names = short_names([dimension.key for dimension in search.space])
    axes.set_xticks(range(len(search.space) + 1), [*names.values(), search.monitor])
    axes.set_yticks([])
    axes.set_xlim(-0.2, len(search.space) + 0.6)
    axes.set_ylim(ABSENT - 0.06, 1.05)
    axes.spines[:].set_visible(False)
    axes.tick_params(axis="x", length=0)
    axes.set_title(f"{search.study}: {counted(len(trials))}")
    if best is not None:
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), fontsize=8, frameon=False)
    return figure


def height(dimension: Dimension, trial: FrozenTrial) -> float:
    """Where the trial's line meets the axis of a key: from 0 to 1, or below when the key does not count in it."""
    if dimension.key not in values_of(trial):
        return ABSENT
    value = values_of(trial)[dimension.key]
    if dimension.type == "categorical":
        return _among(dimension.choices, value)
    if dimension.low == dimension.high:
        return 0.5
    scale = math.log if dimension.log else float
    low, high = scale(dimension.low), scale(dimension.high)
    return (scale(value) - low) / (high - low)


def ticks(dimension: Dimension) -> list[tuple[float, str]]:
    """Heights and labels of an axis."""
    absent = [(ABSENT, "–")] if dimension.when else []
    if dimension.type == "categorical":
        return absent + [(_among(dimension.choices, choice), text_of(choice)) for choice in dimension.choices]
    if dimension.low == dimension.high:
        return [*absent, (0.5, f"{dimension.low:g}")]
    if dimension.log:
        marks = [dimension.low * (dimension.high / dimension.low) ** (part / 4) for part in range(5)]
    else:
        marks = [dimension.low + (dimension.high - dimension.low) * part / 4 for part in range(5)]
    return absent + [(part / 4, f"{mark:.3g}") for part, mark in enumerate(marks)]


def _among(choices: Sequence[Choice], value: Choice) -> float:
    return choices.index(value) / (len(choices) - 1) if len(choices) > 1 else 0.5


def _draw_axis(axes: Axes, place: int, marks: list[tuple[float, str]]) -> None:
    axes.plot([place, place], [min(0.0, *(at for at, _ in marks)), 1], color="0.3", linewidth=1, zorder=4)
    for at, label in marks:
        axes.annotate(
            label,
            (place, at),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            zorder=5,
            bbox={"boxstyle": "round,pad=0.15", "color": "white", "alpha": 0.75},
        )


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """The last part of each key, where that is enough to tell them apart."""
    last = [key.rpartition(".")[2] for key in keys]
    return {key: name if last.count(name) == 1 else key for key, name in zip(keys, last, strict=True)}


def counted(trials: int) -> str:
    """`1 trial`, `2 trials`."""
    return f"{trials} trial{'s' * (trials != 1)}"
