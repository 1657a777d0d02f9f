"""A sweep of 16 small jobs on the CPU: one after another, with our launchers, with hydra-joblib-launcher.

pip install hydra-joblib-launcher && python benchmarks/sweep.py --rounds 3
python benchmarks/sweep.py --variants parallel stacked --steps 2000 --words core=gru datamodule.num_streams=1
python benchmarks/sweep.py --variants parallel stacked --words +experiment=sine_rnn_tf

Also how busy the slots were: the seconds that the runs themselves counted, of the seconds that all slots had; and the
most memory that all processes together took (proportional set size).
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil

from alternate import table

VARIANTS = {
    "basic": [],
    "joblib": ["hydra/launcher=joblib"],
    "parallel": ["hydra/launcher=parallel"],
    "stacked": ["hydra/launcher=stacked"],
}
SMALL = ["+experiment=sine_stream", "trainer=cpu", "trainer.val_check_interval=100", "callbacks.animation.windows=0"]


def sweep(variant: str, jobs: int, words: list[str]) -> tuple[float, float, float]:
    """Seconds from start to exit, the seconds that its runs counted, and the most MB at a time."""
    words = [*words, f"seed=range({jobs})", *VARIANTS[variant]]
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w") as nowhere:
        begun = time.perf_counter()
        command = [sys.executable, "-m", "seqmodels.train", "-m", *words, f"hydra.sweep.dir={folder}/sweep"]
        process = psutil.Popen(command, stdout=nowhere, stderr=nowhere, cwd=folder)
        most = 0.0
        while process.poll() is None:
            most = max(most, megabytes(process))
            time.sleep(0.5)
        wall = time.perf_counter() - begun
        results = [json.loads(path.read_text()) for path in Path(folder).glob("sweep/*/results.json")]
    assert [result["status"] for result in results] == ["completed"] * jobs
    return wall, sum(result["seconds"] for result in results), most


def megabytes(process: psutil.Process) -> float:
    """Of a process and all that it has started; what they share counts once."""
    total = 0.0
    for one in (process, *process.children(recursive=True)):
        with suppress(psutil.Error):  # it has ended meanwhile
            total += one.memory_full_info().pss / 2**20
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=16)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--words", nargs="*", default=[], help="an +experiment=... here stands for itself")
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS))
    options = parser.parse_args()
    words = [*SMALL, f"trainer.max_steps={options.steps}", *options.words]
    if any("experiment=" in word for word in options.words):
        words = options.words
    walls: dict[str, list[float]] = {variant: [] for variant in options.variants}
    busy: dict[str, list[float]] = {variant: [] for variant in options.variants}
    for number in range(options.rounds):
        for variant in options.variants:
            wall, counted, most = sweep(variant, options.jobs, words)
            slots = 1 if variant == "basic" else len(os.sched_getaffinity(0))
            walls[variant].append(wall)
            busy[variant].append(counted / wall / slots)
            print(
                f"round {number + 1}: {variant} {wall:.1f} s, slots busy {busy[variant][-1]:.0%}, {most:.0f} MB",
                flush=True,
            )
    table(walls, options.variants[0])
    print("\nslots busy (median):", {variant: f"{statistics.median(values):.0%}" for variant, values in busy.items()})


if __name__ == "__main__":
    main()
