"""Small searches for the tests, in this process or in others."""

import sys
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

import lightning.pytorch as pl
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial

from seqmodels.parallel import process
from seqmodels.parallel.slots import Allocation

STUDY = Path("outputs/sine_stream/study_quick")
SPACE = """
  optimizer.lr: {type: float, low: 1e-3, high: 1e-1, log: true}
  core: {type: categorical, choices: [lstm, gru]}
"""
RUN = [
    "+experiment=sine_stream", "trainer=cpu", "threads=1", "callbacks=checkpoints", "logger=csv", "trainer.max_steps=8",
    "trainer.val_check_interval=2", "trainer.log_every_n_steps=1", "datamodule.num_streams=4", "datamodule.window=5",
    "datamodule.val_windows=3", "core.hidden_size=8", "checkpoint.every_n_steps=3",
]  # fmt: skip
WORDS = ["--config-dir", "mine", *RUN, "+search=quick", "n_trials=2"]


def write_search(space: str = SPACE, name: str = "quick", more: str = "") -> None:
    """A search of the user's own, in the folder `mine`."""
    path = Path("mine", "search", f"{name}.yaml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"# @package _global_\n{more}\nspace:{space}")


def trials(study: Path = STUDY) -> list[FrozenTrial]:
    """Those of a study, as Optuna reads them without our code."""
    storage = JournalStorage(JournalFileBackend(str(study / "journal.log")))
    return optuna.load_study(study_name=None, storage=storage).trials  # type: ignore[arg-type]


def states(study: Path = STUDY) -> list[str]:
    return [trial.state.name.lower() for trial in trials(study)]


def folders(study: Path = STUDY) -> list[Path]:
    """The trials' folders, in the order of their numbers."""
    return sorted((path for path in study.iterdir() if path.name[0].isdigit()), key=lambda p: int(p.name.split("_")[0]))


def start(words: Sequence[str], log: str = "attempts.log") -> BaseProcess:
    """A process that does what `python -m seqmodels.tune WORDS` does, its output in a file."""
    return process.start("tests.support.searching:work", (list(words),), Allocation(), Path(log))[0]


def work(words: list[str]) -> None:
    """In the process."""
    from seqmodels.tune import main

    sys.argv = ["seqmodels-tune", *words]
    main()


class Bug(pl.Callback):
    """Raises what no input explains."""

    def on_train_start(self, *args: object) -> None:
        raise KeyError("a bug")
