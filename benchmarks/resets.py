"""What a reset and a time at every step cost, and that who gives neither pays nothing.

    git worktree add before COMMIT
    python benchmarks/resets.py --before before --cores lstm lru s4d --rounds 9
    python benchmarks/resets.py --cores lstm lru s4d mamba attention --resets 1 5 20

User CPU time of a core's forward and backward pass over noise (B, T, 8), fresh processes that alternate: `before` at
that commit and `plain` now, both as core(x, state); then `dt`, with a time of its own at every step, and `resets_N`,
where N steps of the window begin anew in some row.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from alternate import MARK, report

HERE = Path(__file__).resolve().parents[1]
SECONDS = 1.5


def one(core_name: str, variant: str, words: argparse.Namespace) -> float:
    import torch
    from hydra.utils import instantiate

    from seqmodels.runs.run import compose

    torch.set_num_threads(1)
    torch.manual_seed(0)
    core = instantiate(compose([f"core={core_name}"]).core)(input_size=8)
    x = torch.randn(words.batch, words.steps, 8)
    state = tuple(tensor.detach() for tensor in core(x)[1])
    more: tuple[torch.Tensor | None, ...] = ()
    if variant == "dt":
        more = None, torch.rand(words.batch, words.steps) * 3
    elif variant.startswith("resets"):
        reset = torch.zeros(words.batch, words.steps, dtype=torch.bool)
        for number in range(int(variant.partition("_")[2])):
            reset[number % words.batch, torch.randint(1, words.steps, ())] = True
        more = (reset,)

    def step() -> None:
        core(x, state, *more)[0].square().mean().backward()
        core.zero_grad()

    return cpu_time(step)


def cpu_time(step: Callable[[], None]) -> float:
    """Median milliseconds of user CPU time of a call, over groups of calls."""
    for _ in range(3):
        step()
    started = time.process_time()
    step()
    calls = max(1, int(SECONDS / 9 / max(time.process_time() - started, 1e-5)))
    found = []
    for _ in range(9):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        for _ in range(calls):
            step()
        found.append((resource.getrusage(resource.RUSAGE_SELF).ru_utime - before) / calls)
    return statistics.median(found) * 1000


def in_a_process(core: str, variant: str, words: argparse.Namespace) -> float:
    checkout = Path(words.before).resolve() if variant == "before" else HERE
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src"), "OMP_NUM_THREADS": "1"}
    sizes = ["--batch", str(words.batch), "--steps", str(words.steps)]
    command = [sys.executable, __file__, "--cores", core, "--variant", variant, *sizes]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    if done.returncode or not lines:
        raise RuntimeError(f"{core}, {variant} failed:\n{done.stdout}\n{done.stderr}")
    return float(lines[-1].removeprefix(MARK))


def variants_of(core: str, words: argparse.Namespace) -> Sequence[str]:
    resets = [f"resets_{number}" for number in words.resets]
    return [*["before"] * bool(words.before), "plain", *["dt"] * (core in words.timed and not words.before), *resets]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", help="a checkout of the code to compare with")
    parser.add_argument("--cores", nargs="+", default=["lstm", "lru", "s4d"])
    parser.add_argument("--timed", nargs="*", default=["lru", "s4d", "s5", "mamba2"], help="cores that take dt")
    parser.add_argument("--resets", nargs="*", type=int, default=[])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--variant", help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.variant:
        report(one(words.cores[0], words.variant, words))
        return
    print("| core | variant | median CPU ms | min to max | ratio to the first |\n|---|---|---|---|---|")
    for core in words.cores:
        found: dict[str, list[float]] = {variant: [] for variant in variants_of(core, words)}
        for _ in range(words.rounds):
            for variant, milliseconds in found.items():
                milliseconds.append(in_a_process(core, variant, words))
        base = statistics.median(next(iter(found.values())))
        for variant, ms in found.items():
            median, spread = statistics.median(ms), f"{min(ms):.3g} to {max(ms):.3g}"
            print(f"| {core} | {variant} | {median:.3g} | {spread} | {median / base:.2f} |", flush=True)


if __name__ == "__main__":
    main()
