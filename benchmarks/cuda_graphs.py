"""Milliseconds of a training step on a GPU: plain, recorded as CUDA graphs, and with a compiled core; everything on.

python benchmarks/cuda_graphs.py --cores lstm gru lru s4d mamba min_gru tcn attention --rounds 3
python benchmarks/cuda_graphs.py --cores lstm --streams 1 --window 10 --hidden 32
python benchmarks/cuda_graphs.py --cores lru --trainer cpu --variants plain compiled --steps 300      without a GPU

The clock starts behind the first steps, in which steps are recorded, compared and compiled, and waits for the GPU.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from alternate import measure, report, table

WARMUP = 200
VARIANTS = {"plain": [], "graphs": ["trainer.cuda_graphs=true"], "compiled": ["module.compile=true"]}


def seconds(words: argparse.Namespace) -> float:
    """Of a step, with the default callbacks and loggers."""
    import lightning.pytorch as pl
    import torch

    from seqmodels.runs.run import build, compose

    def now() -> float:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return time.perf_counter()

    class Clock(pl.Callback):
        """Listens to the optimiser: a callback with a hook in the step would have every step go Lightning's way."""

        started, steps = 0.0, 0

        def on_train_start(self, trainer: pl.Trainer, *_: Any) -> None:
            trainer.optimizers[0].register_step_post_hook(self.count)

        def count(self, *_: Any) -> None:
            self.steps += 1
            if self.steps == WARMUP:
                self.started = now()

        def on_train_end(self, *_: Any) -> None:
            self.seconds = now() - self.started

    shape = [f"datamodule.num_streams={words.streams}", f"datamodule.window={words.window}"]
    shape += [f"core={words.cores[0]}", f"core.hidden_size={words.hidden}", f"trainer.max_steps={words.steps}"]
    rest = ["+experiment=sine_stream", f"trainer={words.trainer}", "datamodule.val_windows=0", "test=false"]
    with tempfile.TemporaryDirectory() as folder:
        cfg = compose([*rest, "callbacks.animation.windows=0", *shape, *VARIANTS[words.variant]])
        parts, clock = build(cfg, Path(folder)), Clock()
        parts.trainer.callbacks.append(clock)  # type: ignore[attr-defined]
        parts.trainer.fit(parts.module, datamodule=parts.datamodule)
    return clock.seconds / (words.steps - WARMUP)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("streams", 64), ("window", 20), ("hidden", 64), ("steps", 2000), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--trainer", default="gpu")
    parser.add_argument("--cores", nargs="+", default=["lstm", "lru", "mamba"])
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS)
    parser.add_argument("--variant", default="")
    words = parser.parse_args()
    if words.variant:
        report(seconds(words))
        return
    given = [f"--{name}={getattr(words, name)}" for name in ("streams", "window", "hidden", "steps", "trainer")]
    for core in words.cores:
        print(f"\n{core}")
        table(measure(__file__, words.variants, words.rounds, *given, "--cores", core), "plain", "ms a step", 1e3)


if __name__ == "__main__":
    main()
