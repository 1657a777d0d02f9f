"""Where a study is best kept: trials a second, and the wait after a process was killed.

python benchmarks/study_storage.py
"""

import multiprocessing
import random
import tempfile
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import optuna
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend

from seqmodels.searching.storage import open_storage

TRIALS = 50  # of each of two processes, with five validations each
KILLS = {"journal": 20, "sqlite": 20, "Optuna's own lock": 3}


def main() -> None:
    """One row for each storage."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    print("| storage | trials a second, 2 processes | longest trial after 2 processes were killed, s |\n|---|---|---|")
    for kind, kills in KILLS.items():
        with tempfile.TemporaryDirectory() as folder:
            optuna.create_study(study_name="x", storage=storage(kind, folder))
            begun = time.monotonic()
            for process in [start(kind, folder, TRIALS) for _ in range(2)]:
                process.join()
            speed = 2 * TRIALS / (time.monotonic() - begun)
            longest = max(after_a_kill(kind, folder) for _ in range(kills))
        print(f"| {kind} | {speed:.0f} | {longest:.1f} |", flush=True)


def storage(kind: str, folder: str) -> BaseStorage:
    """Ours, or a journal as Optuna makes it by itself."""
    if kind in ("journal", "sqlite"):
        return open_storage(kind, Path(folder))
    return JournalStorage(JournalFileBackend(str(Path(folder, "journal.log"))))


def start(kind: str, folder: str, trials: int) -> BaseProcess:
    process = multiprocessing.get_context("fork").Process(target=work, args=(kind, folder, trials))
    process.start()
    return process


def work(kind: str, folder: str, trials: int) -> None:
    """What a search does to its study, without the training."""
    study = optuna.load_study(study_name="x", storage=storage(kind, folder), sampler=optuna.samplers.RandomSampler())
    for _ in range(trials):
        trial = study.ask()
        value = trial.suggest_float("x", 0, 1)
        for validation in range(5):
            trial.report(value, validation)
        study.tell(trial, value)


def after_a_kill(kind: str, folder: str) -> float:
    """Seconds that the next trial takes when two processes were killed in the middle of theirs."""
    processes = [start(kind, folder, 10**6) for _ in range(2)]
    time.sleep(0.15 + 0.3 * random.random())
    for process in processes:
        process.kill()
        process.join()
    begun = time.monotonic()
    work(kind, folder, 1)
    return time.monotonic() - begun


if __name__ == "__main__":
    main()
