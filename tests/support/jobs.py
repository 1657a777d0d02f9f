"""What the processes of tests/parallel/test_pool.py do."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import torch


def note(number: int, seconds: float) -> int:
    """Leaves its share of the machine, and when it had it."""
    begun = time.monotonic()
    time.sleep(seconds)
    seen = {"gpus": os.environ["CUDA_VISIBLE_DEVICES"], "begun": begun, "ended": time.monotonic()}
    seen |= {"threads": torch.get_num_threads(), "environment": os.environ["OMP_NUM_THREADS"], "pid": os.getpid()}
    Path(f"{number}.json").write_text(json.dumps(seen))
    return number * number


def surroundings() -> dict[str, Any]:
    """Where the process finds itself, and what the server that it was forked from has touched."""
    print("to the log")
    tasks = Path(f"/proc/{os.getppid()}/task")
    return {
        "folder": str(Path.cwd()),
        "environment": os.environ.get("SEQMODELS_TEST"),
        "threads of the server": len(list(tasks.iterdir())),
        "cuda of the server": torch.cuda.is_initialized(),
        "leader": os.getsid(0) == os.getpid(),
    }


def fail() -> None:
    raise ValueError("this job\nfails")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def lambda_() -> Any:
    return lambda: None


def much() -> bytes:
    """More than a pipe holds."""
    return bytes(1 << 20)


def wait(name: str, is_stubborn: bool = False) -> None:
    """Until a signal comes."""
    if is_stubborn:
        for signum in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signum, signal.SIG_IGN)
    Path(name).write_text(str(os.getpid()))
    try:
        time.sleep(100)
    finally:
        Path(f"{name}.saved").touch()
