"""The id that a run has somewhere else."""

from collections.abc import Callable
from pathlib import Path

from seqmodels.system.files import replace


def external_run_id(folder: Path, name: str, begin: Callable[[], str]) -> str:
    """What `.hydra/NAME` holds, the id of the run somewhere else; where there is none yet, what `begin` returns."""
    path = folder / ".hydra" / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, begin())
    return path.read_text().strip()
