"""A run's folder: made once, never shared, never overwritten."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import Timeout
from omegaconf import DictConfig, OmegaConf

from seqmodels.checkpoints.places import FOLDER
from seqmodels.config.outputs import OUTPUTS, place_of
from seqmodels.runs.record import failed_before_first_checkpoint, is_run, results_of
from seqmodels.runs.results import FILE
from seqmodels.system.files import replace
from seqmodels.system.locks import lock_at, without_locks
from seqmodels.system.process import is_first_process

log = logging.getLogger(__name__)


def new_folder(cfg: DictConfig, folder: str | Path | None, overrides: Sequence[str] = ()) -> Path:
    """Make the run's folder, with its config and the overrides that led to it.

    Raises:
        FileExistsError: it holds a run already, which did not fail at once.
    """
    if folder is None:
        folder = place_of(cfg.name, overrides) / f"{datetime.now():%Y-%m-%d_%H-%M-%S_%f}"
    folder = Path(folder).absolute()
    if not is_first_process():
        return folder
    if any((folder / name).exists() for name in (FILE, "metrics.csv", FOLDER)) and not failed_before_first_checkpoint(
        folder
    ):
        raise FileExistsError(f"{folder} holds a run already and will not be overwritten; choose another folder")
    save_config(folder, "overrides", list(overrides))
    save_config(folder, "config", cfg)  # last: with it the folder counts as a run
    return folder


def save_config(folder: Path, name: str, content: Any) -> None:
    """Into `.hydra/NAME.yaml`; Hydra's own writing would happen in every rank, and again on resume."""
    path = folder / ".hydra" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    replace(path, OmegaConf.to_yaml(OmegaConf.create(content)))


def save_hydra(folder: Path, hydra: Any) -> None:
    """What Hydra knows of the run beside its config: the choices of each group, the launcher, where the YAMLs lie."""
    if is_first_process() and not (folder / ".hydra" / "hydra.yaml").exists():
        save_config(folder, "hydra", {"hydra": hydra})


def forget_refused(folder: Path) -> None:
    """Take away what is left of a run that was refused before its first step; all that began or is no run's stays."""
    ended = results_of(folder)
    began = (folder / "metrics.csv").exists() or (folder / FOLDER).exists() or bool(ended and ended.steps)
    if began or (is_run(folder) and (ended is None or ended.status != "failed")):
        return
    for pattern in (".hydra/*", "*.log", "events.out.tfevents.*", FILE):
        for path in folder.glob(pattern):
            if path.is_file():
                path.unlink()
    outputs = [OUTPUTS.absolute()] * folder.absolute().is_relative_to(OUTPUTS.absolute())
    for place in (folder / ".hydra", folder, folder.parent, *outputs):
        with suppress(OSError):  # it is not there, or holds something else
            place.rmdir()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """While a process trains in the folder no other one does; the lock ends with the process, however that ends.

    Raises:
        BlockingIOError: another process trains there.
    """
    if not is_first_process():
        yield
        return
    lock = lock_at(folder / ".hydra" / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise BlockingIOError(
            f"{folder} is being trained by another process at this moment; wait for its end, or stop it first"
        ) from None
    except OSError as error:
        if not without_locks(error):
            raise
        log.warning("the file system of %s knows no locks: see to it that no two processes train there", folder)
    try:
        yield
    finally:
        lock.release()
