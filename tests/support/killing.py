"""Real processes that train and are killed, without the seconds that importing torch takes each time.

They are forked from the server that also forks the jobs of a sweep.
"""

import random
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

from seqmodels.parallel import process
from seqmodels.parallel.slots import Allocation


def start(words: list[str]) -> BaseProcess:
    """A process that does what `python -m seqmodels.train WORDS` does, its output in attempts.log."""
    return process.start("tests.support.killing:work", (words,), Allocation(), Path("attempts.log"))[0]


def work(words: list[str]) -> None:
    """In the process."""
    from seqmodels.train import main

    sys.argv = ["seqmodels-train", *words]
    main()


def rows(folder: str) -> int:
    """Steps in metrics.csv."""
    path = Path(folder, "metrics.csv")
    return max(0, path.read_bytes().count(b"\n") - 1) if path.exists() else 0


def kill_at_random(words: list[str], folder: str, last: int, dice: random.Random) -> bool:
    """Train until a random moment after what was reached, then SIGKILL; False when it was too fast and ended."""
    process = start(words)
    target = dice.randrange(rows(folder) + 1, last + 1)
    while rows(folder) < target and process.is_alive():
        time.sleep(0.0005)
    time.sleep(dice.random() * 0.01)
    process.kill()
    process.join()
    return process.exitcode == -9
