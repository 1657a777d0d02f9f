"""What an export takes, and what a step costs in it: onnxruntime, torch.export and the run's own module.

python benchmarks/export_step.py --core lstm --hidden 64
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from seqmodels import load_run
from seqmodels.exporting.graphs import begin
from seqmodels.exporting.run import FORMATS, export
from seqmodels.runs.run import compose, train

STEPS = 2000


def microseconds(call: Callable[..., tuple[Tensor, ...]], x: Tensor, state: tuple[Tensor, ...], calls: int) -> float:
    """Median of one call, the state fed back; the first tenth warms up."""
    seconds = []
    with torch.inference_mode():
        for _ in range(calls):
            started = time.perf_counter()
            _, *state = call(x, *state)  # type: ignore[assignment]
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[calls // 10 :]) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--core", default="lstm")
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--window", type=int, default=100, help="steps of a call of the window")
    words = parser.parse_args()
    torch.set_num_threads(1)
    config = compose(
        [
            *("+experiment=sine_stream", f"core={words.core}", f"core.hidden_size={words.hidden}"),
            *("trainer=cpu", "threads=1", "trainer.max_steps=2", "logger=none", "test=false"),
        ]
    )
    with tempfile.TemporaryDirectory() as folder:
        run = train(config, Path(folder, "run")).folder
        module = load_run(run).module

        def own(x: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
            y, state = module(x, state)
            return y, *state

        state, step, window = begin(module, 1), torch.randn(1, 1), torch.randn(1, words.window, 1)
        print("| | export (s) | step, window (KiB) | a step (µs) | a window (µs) |\n|---|---|---|---|---|")
        times = microseconds(own, step[None], state, STEPS), microseconds(own, window, state, STEPS // 10)
        print(f"| the run's module | | | {times[0]:.0f} | {times[1]:.0f} |")
        for name in ("torch", "onnx"):  # in this order: the ONNX exporter leaves torch.export changed behind it
            kind = FORMATS[name]
            started = time.perf_counter()
            place = export(run, name).folder
            seconds = time.perf_counter() - started
            files = [place / f"{form}{kind.SUFFIX}" for form in ("step", "window")]
            sizes = ", ".join(f"{file.stat().st_size / 1024:.0f}" for file in files)
            calls = [kind.read(file) for file in files]
            times = microseconds(calls[0], step, state, STEPS), microseconds(calls[1], window, state, STEPS // 10)
            print(f"| {name} | {seconds:.1f} | {sizes} | {times[0]:.0f} | {times[1]:.0f} |")


if __name__ == "__main__":
    main()
