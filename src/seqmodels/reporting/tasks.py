"""Which experiments are the same task, so that their runs can be ranked together: an experiment varies like a key."""

from collections.abc import Sequence

from seqmodels.reporting.runs import Run

KEY = "experiment"
"""Under which a run says its name, as if it were a setting."""

READING = (
    *("batch_size", "normalize", "shift", "val_size", "val_fraction", "val_windows", "split_seed", "overfit_batches"),
    *("window", "num_streams", "random_window", "warmup", "span", "inputs", "missing"),
)
"""Settings of a datamodule that say how it is read; the others say what the task is."""


def by_task(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs of the same data and monitor: those of a name stay together, and names that share a task do."""
    found: list[tuple[set[tuple[str, ...]], list[Run]]] = []
    names = dict.fromkeys(run.name for run in runs)
    for name in names:
        own = [run for run in runs if run.name == name]
        tasks = {_task(run) for run in own}
        same = [one for one in found if one[0] & tasks]
        found = [one for one in found if not one[0] & tasks]
        found.append(
            (tasks.union(*(one[0] for one in same)), [run for one in [*(rest for _, rest in same), own] for run in one])
        )
    return [members for _, members in found]


def _task(run: Run) -> tuple[str, ...]:
    reading = tuple(f"datamodule.{key}" for key in READING)
    said = {key: value for key, value in run.settings.items() if key.startswith("datamodule.") and key not in reading}
    return tuple(f"{key}={said[key]}" for key in sorted(said))
