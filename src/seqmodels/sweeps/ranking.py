"""How the jobs of a sweep did, by the value of their `monitor`: the last words of the command."""

from pathlib import Path

from seqmodels.runs.record import results_of
from seqmodels.sweeps.folder import job_folders
from seqmodels.system.files import short

SHOWN = 5
"""Jobs with a line of their own; `report` has all of them, and their means over seeds."""


def measured(monitor: str | None, value: object) -> str:
    """`val/acc 0.9712`, of the weights that the run tests; that there is nothing, where there is not."""
    return f"{monitor} {value:.4g}" if isinstance(value, float) else f"{monitor} was not measured"


def ranking(folder: Path) -> list[str]:
    """The best finished jobs of a sweep, a line each, and the folder of the best; for each `monitor` by itself."""
    kinds: dict[tuple[str, str], list[tuple[float, Path]]] = {}
    for job in job_folders(folder):
        ended = results_of(job)
        if ended and ended.status == "completed" and ended.monitor and ended.mode:
            value = ended.metrics.get(ended.monitor)
            if value is not None and value == value:  # not NaN
                kinds.setdefault((ended.monitor, ended.mode), []).append((value, job))
    return [line for (monitor, mode), jobs in kinds.items() for line in _lines(monitor, mode, jobs)]


def _lines(monitor: str, mode: str, jobs: list[tuple[float, Path]]) -> list[str]:
    ranked = sorted(jobs, key=lambda job: -job[0] if mode == "max" else job[0])
    lines = [f"{monitor}, {'higher' if mode == 'max' else 'lower'} is better:"]
    lines += [f"  {place}. {value:.4g}  {job.name}" for place, (value, job) in enumerate(ranked[:SHOWN], start=1)]
    if len(ranked) > SHOWN:
        lines.append(f"  and {len(ranked) - SHOWN} more")
    return [*lines, f"best: {short(ranked[0][1])}"]
