"""Real processes that train and are killed, without the seconds that importing torch takes each time.

A fork server imports everything once; each attempt is a process of its own, forked from it.
"""

import multiprocessing
import os
import random
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["seqmodels.run", "seqmodels.train", "tests.killing"])


def start(words: list[str]) -> BaseProcess:
    """A process that does what `python -m seqmodels.train WORDS` does, its output in attempts.log."""
    process = _CONTEXT.Process(target=_work, args=(words, str(Path.cwd())))
    process.start()
    return process


def _work(words: list[str], folder: str) -> None:
    from seqmodels.train import command_line

    os.chdir(folder)
    output = os.open("attempts.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(output, stream)
    sys.argv = ["seqmodels-train", *words]
    os._exit(command_line())


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
