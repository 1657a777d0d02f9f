"""A run's folder: made once, never shared, never overwritten, and what it remembers of the run.

.hydra/config.yaml      written once, never changed
.hydra/overrides.yaml   the words of the command
.hydra/resumed.yaml     the words given beside each `resume=`, one list a time
results.json            how the last attempt ended; missing while the first one runs
"""

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from omegaconf import DictConfig, ListConfig, OmegaConf
from yaml import YAMLError

from seqmodels.config.overrides import value_of
from seqmodels.runs.results import FILE
from seqmodels.system.files import replace
from seqmodels.system.process import is_first_process

log = logging.getLogger(__name__)


def new_folder(cfg: DictConfig, folder: str | Path | None, overrides: Sequence[str] = ()) -> Path:
    """Make the run's folder, with its config and the words that led to it.

    Raises:
        FileExistsError: it holds a run already, which did not fail at once.
    """
    if folder is None:
        folder = Path("outputs") / cfg.name / f"{datetime.now():%Y-%m-%d_%H-%M-%S_%f}"
    folder = Path(folder).absolute()
    if not is_first_process():
        return folder
    if any((folder / name).exists() for name in (FILE, "metrics.csv", "checkpoints")) and not failed_at_once(folder):
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


CONFIG = Path(".hydra", "config.yaml")

OVERRIDES = Path(".hydra", "overrides.yaml")

RESUMED = Path(".hydra", "resumed.yaml")


def is_run(folder: Path) -> bool:
    """Whether the folder holds a run's config."""
    return (folder / CONFIG).is_file()


def is_finished(folder: Path) -> bool:
    """Whether the run's last attempt came to its end."""
    return results(folder).get("status") == "completed"


def failed_at_once(folder: Path) -> bool:
    """Whether the run's last attempt failed before anything was saved, so that it holds nothing to go on with."""
    return results(folder).get("status") == "failed" and not (folder / "checkpoints" / "last.ckpt").exists()


def results(folder: Path) -> dict[str, Any]:
    """What results.json says; empty as long as there is none."""
    try:
        return json.loads((folder / "results.json").read_text())
    except (OSError, ValueError):
        return {}


def reopen(folder: Path, words: Sequence[str]) -> None:
    """A run is about to go on: until it ends again a finished one counts as interrupted.

    What a killed process was writing is removed, and the words beside `resume=` are kept for the next time.
    """
    for name in ("checkpoints/.*.ckpt.*", ".results.json.*", ".hydra/.*.yaml.*", "metrics.csv.new"):
        for path in folder.glob(name):
            path.unlink()
    if is_finished(folder):
        replace(folder / "results.json", json.dumps(results(folder) | {"status": "interrupted"}, indent=2) + "\n")
    if words:
        path = folder / RESUMED
        lists = _list(path) if path.exists() else []
        replace(path, OmegaConf.to_yaml(OmegaConf.create([*lists, list(words)])))


def last_run_of(overrides: Sequence[str]) -> Path | None:
    """The newest run that this command has made, finished or not; None if there is none.

    Args:
        overrides: the command's words; `hydra.run.dir` among them names the only folder in question.
    """
    chosen = [value_of(word) for word in overrides if word.startswith("hydra.run.dir=")]
    places = [Path(chosen[-1])] if chosen else Path("outputs").glob("*/*")
    words = sorted(word for word in overrides if not word.startswith("hydra."))
    runs = [place for place in places if is_run(place) and sorted(_words(place / OVERRIDES)) == words]
    return max(runs, key=lambda run: (run / CONFIG).stat().st_mtime, default=None)


def saved_config(folder: Path) -> DictConfig:
    """The config that the run was made with.

    Raises:
        FileNotFoundError: the folder holds no run.
        ValueError: its config cannot be read.
    """
    if not is_run(folder):
        raise FileNotFoundError(f"{folder} is not the folder of a run: there is no {folder / CONFIG}")
    try:
        cfg = OmegaConf.load(folder / CONFIG)
        OmegaConf.resolve(cfg.copy())
    except (YAMLError, ValueError, UnicodeDecodeError) as error:
        raise ValueError(f"{folder / CONFIG} cannot be read: {str(error).splitlines()[0]}") from error
    if not isinstance(cfg, DictConfig):
        raise ValueError(f"{folder / CONFIG} is not a run's config: it holds no keys")
    return cfg


def words_of(folder: Path) -> list[str]:
    """The words of the command that made the run."""
    return _words(folder / OVERRIDES)


def earlier_words(folder: Path) -> list[str]:
    """The words of all resumes before, in their order."""
    path = folder / RESUMED
    return [word for words in _list(path) for word in words] if path.exists() else []


def _words(path: Path) -> list[str]:
    return [word for word in _list(path) if isinstance(word, str)] if path.exists() else []


def _list(path: Path) -> list[Any]:
    try:
        words = OmegaConf.load(path)
    except (YAMLError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
    return list(OmegaConf.to_container(words)) if isinstance(words, ListConfig) else []  # type: ignore[arg-type]
