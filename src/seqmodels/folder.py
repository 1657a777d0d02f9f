"""A run's folder: made once, never shared, never overwritten."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from omegaconf import DictConfig, OmegaConf

from seqmodels.results import FILE

log = logging.getLogger(__name__)


def is_first_process() -> bool:
    """Whether this process writes the files: rank 0 of a distributed run, or the only one."""
    return getattr(rank_zero_only, "rank", 0) == 0


def new_folder(cfg: DictConfig, folder: str | Path | None) -> Path:
    """Make the run's folder, with its config in it.

    Raises:
        FileExistsError: it holds a run already.
    """
    if folder is None:
        folder = Path("outputs") / cfg.name / f"{datetime.now():%Y-%m-%d_%H-%M-%S_%f}"
    folder = Path(folder).absolute()
    if not is_first_process():
        return folder
    if any((folder / name).exists() for name in (FILE, "metrics.csv", "checkpoints")):
        raise FileExistsError(f"{folder} holds a run already and will not be overwritten; choose another folder")
    config = folder / ".hydra" / "config.yaml"
    if not config.exists():
        config.parent.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(cfg, config)
    return folder


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """While a process trains in the folder no other one does; the lock ends with the process, however that ends.

    Raises:
        BlockingIOError: another process trains there.
    """
    if not is_first_process():
        yield
        return
    lock = FileLock(folder / ".hydra" / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise BlockingIOError(
            f"{folder} is being trained by another process at this moment; wait for its end, or stop it first"
        ) from None
    except NotImplementedError:
        log.warning("the file system of %s knows no locks: see to it that no two processes train there", folder)
    try:
        yield
    finally:
        lock.release()
