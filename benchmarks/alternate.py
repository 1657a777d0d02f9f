"""Time several variants fairly: each in a fresh process, one after the other, round by round."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

MARK = "SECONDS "


def measure(
    script: str, variants: Sequence[str], rounds: int, *arguments: str, whole: bool = False
) -> dict[str, list[float]]:
    """Run `python script --variant NAME ARGUMENTS`, which ends with `report(seconds)`, for each variant and round.

    `whole` counts the process from start to exit instead of what it reports.
    """
    seconds: dict[str, list[float]] = {variant: [] for variant in variants}
    for round_ in range(rounds):
        for variant in variants:
            words = [sys.executable, str(Path(script).resolve()), "--variant", variant, *arguments]
            started = time.perf_counter()
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            lines = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
            if done.returncode or not lines:
                raise RuntimeError(f"{variant} failed:\n{done.stdout}\n{done.stderr}")
            wall = time.perf_counter() - started
            seconds[variant].append(wall if whole else json.loads(lines[-1].removeprefix(MARK)))
            print(f"round {round_ + 1}: {variant} {seconds[variant][-1]:.4g}", flush=True)
    return seconds


def report(seconds: float) -> None:
    """What a variant measured."""
    print(f"{MARK}{seconds}", flush=True)


def table(seconds: dict[str, list[float]], baseline: str, unit: str = "s", scale: float = 1.0) -> None:
    """Medians, and their ratio to the baseline's."""
    base = statistics.median(seconds[baseline])
    print(f"\n| variant | median ({unit}) | min to max | ratio to {baseline} |\n|---|---|---|---|")
    for variant, values in seconds.items():
        median = statistics.median(values)
        print(
            f"| {variant} | {median * scale:.4g} | {min(values) * scale:.4g} to {max(values) * scale:.4g} "
            f"| {median / base:.2f} |"
        )
