"""figures/: how the search went, which hyperparameters mattered, and what the good trials have in common."""

from itertools import accumulate
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from seqmodels.callbacks.figures.drawing import failing_softly, plain_text
from seqmodels.config.migrate import migrated_key
from seqmodels.searching.outcome import best_of
from seqmodels.searching.parallel_plot import counted, draw_parallel, short_names
from seqmodels.searching.setting import Search


def leave_figures(study: Study, search: Search) -> None:
    """Write history.png, importance.png and parallel.png, as far as there are trials for them; else a warning."""
    trials = study.get_trials(deepcopy=False)
    shares = importances(study, search.seed)
    valued = [trial for trial in trials if trial.value is not None]
    folder = search.folder / "figures"
    with failing_softly("tune"), plain_text():
        folder.mkdir(exist_ok=True)
        if any(trial.state.is_finished() for trial in trials):
            _save(draw_history(trials, search), folder / "history.png")
        if shares:
            _save(draw_importances(shares, search), folder / "importance.png")
        if valued:
            _save(draw_parallel(valued, best_of(study, search.mode), search), folder / "parallel.png")


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=120)


def draw_history(trials: list[FrozenTrial], search: Search) -> Figure:
    """The value of each trial, and the best so far."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    styles = {TrialState.COMPLETE: ("o", "tab:blue"), TrialState.PRUNED: ("x", "0.6")}
    for state, (marker, colour) in styles.items():
        of_state = [trial for trial in trials if trial.state == state and trial.value is not None]
        if of_state:
            numbers, values = zip(*((trial.number, trial.value) for trial in of_state), strict=True)
            label = {TrialState.COMPLETE: "completed", TrialState.PRUNED: "pruned"}[state]
            axes.scatter(numbers, values, s=22, marker=marker, color=colour, label=label, zorder=3)
    completed = [(trial.number, trial.value) for trial in trials if trial.state == TrialState.COMPLETE]
    if completed:
        numbers, values = zip(*completed, strict=True)
        better = max if search.mode == "max" else min
        best = list(accumulate(values, better))
        axes.step([*numbers, len(trials) - 1], [*best, best[-1]], where="post", color="tab:red", label="best so far")
    failed = [trial.number for trial in trials if trial.state == TrialState.FAIL]
    for number in failed:
        axes.axvline(number, color="0.8", linestyle=":", zorder=0, label="failed" if number == failed[0] else None)
    axes.set(xlabel="trial", ylabel=search.monitor, title=f"{search.study}: {counted(len(trials))}")
    axes.set_xlim(-0.5, max(len(trials), search.n_trials) - 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color="0.9")
    axes.set_axisbelow(True)
    axes.legend(fontsize=8, loc="best")
    return figure


def importances(study: Study, seed: int) -> dict[str, float]:
    """The share of the differences between completed trials that each key explains (fANOVA, Hutter et al. 2014).

    Empty when there is nothing to tell apart yet. Keys that count in some trials only are left out.
    """
    completed = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(completed) < 2 or len({trial.value for trial in completed}) < 2:
        return {}
    common = set.intersection(*(set(trial.params) for trial in completed))
    varied = [key for key in common if len({trial.params[key] for trial in completed}) > 1]
    if not varied:
        return {}
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances  # takes a second to import

    shares = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=seed), params=sorted(varied))
    return {migrated_key(name): share for name, share in shares.items()}


def draw_importances(shares: dict[str, float], search: Search) -> Figure:
    """One bar for each key, the longest on top."""
    names = short_names([dimension.key for dimension in search.space])
    figure = Figure(figsize=(7, 1.1 + 0.4 * len(shares)), layout="constrained")
    axes = figure.subplots()
    ranked = sorted(shares.items(), key=lambda share: share[1])
    bars = axes.barh([names[key] for key, _ in ranked], [100 * share for _, share in ranked], color="tab:blue")
    axes.bar_label(bars, fmt="%.0f %%", padding=4)
    axes.set(
        xlim=(0, 110), xlabel=f"explains of the differences in {search.monitor}, %", title=f"{search.study}: importance"
    )
    axes.spines[["top", "right"]].set_visible(False)
    return figure
