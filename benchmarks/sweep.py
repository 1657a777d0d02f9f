"""A sweep of 16 small jobs on the CPU: one after another, with our launcher, with hydra-joblib-launcher.

pip install hydra-joblib-launcher && python benchmarks/sweep.py --rounds 3

Also how busy the slots were: the seconds that the runs themselves counted, of the seconds that all slots had.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from alternate import table

VARIANTS = {
    "basic": [],
    "joblib": ["hydra/launcher=joblib"],
    "parallel": ["hydra/launcher=parallel"],
}
SMALL = ["+experiment=sine_stream", "trainer=cpu", "trainer.val_check_interval=100", "callbacks.animation.windows=0"]


def sweep(variant: str, jobs: int, steps: int) -> tuple[float, float]:
    """Seconds from start to exit, and the seconds that its runs counted."""
    words = [*SMALL, f"trainer.max_steps={steps}", f"seed=range({jobs})", *VARIANTS[variant]]
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        command = [sys.executable, "-m", "seqmodels.train", "-m", *words, f"hydra.sweep.dir={folder}/sweep"]
        subprocess.run(command, check=True, capture_output=True, cwd=folder)
        wall = time.perf_counter() - begun
        results = [json.loads(path.read_text()) for path in Path(folder).glob("sweep/*/results.json")]
    assert [result["status"] for result in results] == ["completed"] * jobs
    return wall, sum(result["seconds"] for result in results)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=16)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS))
    options = parser.parse_args()
    walls: dict[str, list[float]] = {variant: [] for variant in options.variants}
    busy: dict[str, list[float]] = {variant: [] for variant in options.variants}
    for number in range(options.rounds):
        for variant in options.variants:
            wall, counted = sweep(variant, options.jobs, options.steps)
            slots = 1 if variant == "basic" else len(os.sched_getaffinity(0))
            walls[variant].append(wall)
            busy[variant].append(counted / wall / slots)
            print(f"round {number + 1}: {variant} {wall:.1f} s, slots busy {busy[variant][-1]:.0%}", flush=True)
    table(walls, options.variants[0])
    print("\nslots busy (median):", {variant: f"{statistics.median(values):.0%}" for variant, values in busy.items()})


if __name__ == "__main__":
    main()
