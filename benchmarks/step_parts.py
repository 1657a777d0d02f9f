"""Where the time of a training step goes: functions of a real run, each with a clock of its own.

python benchmarks/step_parts.py +experiment=sine_stream trainer.max_steps=1500
python benchmarks/step_parts.py +experiment=mnist_lstm trainer.max_steps=900 datamodule.root=FOLDER_OF_MNIST threads=2

The words are those of `python -m seqmodels.train`. A part holds those that are indented below it, and `(rest)` is
what is left of it. Medians over the steps that nobody listens to; what a logged step takes more is spread over those
between. A clock costs 0.3 µs a call, which stands in the part around it.
"""

import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.loops.fetchers import _PrefetchDataFetcher
from torch import nn
from torch.nn import functional as F

from seqmodels.checkpoints.epoch_loop import EpochLoop
from seqmodels.cores.base import Core
from seqmodels.datamodules.loaders import OwnRows, TensorRows
from seqmodels.runs.run import build, compose

WARMUP = 200
WHOLE = "a step"
Place = tuple[str, ...]

MODEL, OURS, THEIRS = "the model's, as in a bare loop", "seqmodels", "Lightning and torch's loader"
WHOSE = {
    "the batch is made": OURS,
    "the batch is prepared": OURS,
    "the core's kernel": MODEL,
    "head": MODEL,
    "loss": MODEL,
    "zero_grad": MODEL,
    "backward": MODEL,
    "clipping": MODEL,
    "optimizer": MODEL,
    "next batch": THEIRS,
    "behind the step": THEIRS,
}
"""Of a part itself, without those below it; seqmodels where it is not named."""


class Clocks:
    """Seconds of each part in the step that runs, and a list of what the steps before took."""

    def __init__(self) -> None:
        self.running: list[str] = []
        self.now: dict[Place, float] = defaultdict(float)
        self.quiet: list[dict[Place, float]] = []
        self.logged: list[float] = []
        self.steps = 0

    def timed(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The call, its seconds added to `part` inside of whatever part runs."""

        @wraps(call)
        def wrapped(*arguments: Any, **named: Any) -> Any:
            self.running.append(part)
            place = tuple(self.running)
            self.now[place] += 0.0  # so that a part stands before those in it
            started = time.perf_counter()
            try:
                return call(*arguments, **named)
            finally:
                self.now[place] += time.perf_counter() - started
                self.running.pop()

        return wrapped

    def watch(self, owner: Any, name: str, part: str) -> None:
        setattr(owner, name, self.timed(part, getattr(owner, name)))

    def step_ends(self, logged: bool) -> None:
        self.steps += 1
        if self.steps > WARMUP and logged:
            self.logged.append(self.now[WHOLE,])
        elif self.steps > WARMUP:
            self.quiet.append(dict(self.now))
        self.now.clear()


def watch_classes(clocks: Clocks) -> None:
    """What is called by its class or module."""
    step, behind = EpochLoop.advance, EpochLoop.on_advance_end

    def advance(loop: EpochLoop, fetcher: Any) -> None:
        loop.was_quiet = loop.is_quiet  # type: ignore[attr-defined]
        clocks.timed(WHOLE, step)(loop, fetcher)

    def on_advance_end(loop: EpochLoop, fetcher: Any) -> None:
        if loop._should_check_val_fx(fetcher):  # a validation is no part of a step
            behind(loop, fetcher)
        else:
            clocks.timed("behind the step", behind)(loop, fetcher)
        clocks.step_ends(not loop.was_quiet)  # type: ignore[attr-defined]

    setattr(EpochLoop, "advance", advance)  # noqa: B010
    setattr(EpochLoop, "on_advance_end", on_advance_end)  # noqa: B010
    for owner, name, part in (
        (_PrefetchDataFetcher, "__next__", "next batch"),
        (OwnRows, "__getitem__", "the batch is made"),
        (TensorRows, "__getitems__", "the batch is made"),
        (Core, "__call__", "the core"),
        (torch.Tensor, "backward", "backward"),
        (F, "mse_loss", "loss"),
        (F, "cross_entropy", "loss"),
    ):
        clocks.watch(owner, name, part)


class WatchParts(pl.Callback):
    """Clocks for the parts of this module, once they are all made."""

    def __init__(self, clocks: Clocks) -> None:
        self.clocks = clocks

    def on_train_start(self, trainer: pl.Trainer, module: Any) -> None:
        clocks = self.clocks
        for kernel in (part for part in module.core.modules() if isinstance(part, nn.RNNBase)):
            clocks.watch(kernel, "forward", "the core's kernel")
        clocks.watch(module.head, "forward", "head")
        clocks.watch(module, "training_step", "training step")
        clocks.watch(module, "configure_gradient_clipping", "clipping")
        clocks.watch(trainer.datamodule, "on_after_batch_transfer", "the batch is prepared")  # type: ignore[attr-defined]
        clocks.watch(trainer.optimizers[0], "zero_grad", "zero_grad")
        clocks.watch(trainer.optimizers[0], "step", "optimizer")


def report(clocks: Clocks, every: int) -> None:
    steps = clocks.quiet
    places = list(dict.fromkeys(place for step in steps for place in step))
    median = {place: statistics.median(step.get(place, 0.0) for step in steps) * 1e6 for place in places}
    below = {place: sum(median[one] for one in places if one[:-1] == place) for place in places}
    owners: dict[str, float] = defaultdict(float)
    print("| part | µs | whose |\n|---|---|---|")
    for place in places:
        owner, itself = WHOSE.get(place[-1], OURS), median[place] - below[place]
        owners[owner] += itself
        indent = "... " * (len(place) - 1)
        print(f"| {indent}{place[-1]} | {median[place]:,.0f} | {'' if below[place] else owner} |")
        if below[place]:
            print(f"| {indent}... (rest) | {itself:,.0f} | {owner} |")
    plain = sum(median[place] for place in places if len(place) == 1)
    if clocks.logged and every:
        more = (statistics.median(clocks.logged) * 1e6 - median[WHOLE,]) / every
        owners["logging"] = more
        print(f"| a logged step takes {more * every:,.0f} more, every {every}th | {more:,.0f} | logging |")
    print(f"\n{len(steps)} steps of {plain:,.0f} µs: ", end="")
    print(", ".join(f"{owner} {owners[owner]:,.0f}" for owner in sorted(owners, key=lambda owner: -owners[owner])))


def main() -> None:
    words = sys.argv[1:] or sys.exit(__doc__)
    clocks = Clocks()
    watch_classes(clocks)
    config = compose(["trainer=cpu", "threads=1", "test=false", *words])
    with tempfile.TemporaryDirectory() as folder:
        parts = build(config, Path(folder))
        parts.trainer.callbacks.append(WatchParts(clocks))  # type: ignore[attr-defined]
        parts.trainer.fit(parts.module, datamodule=parts.datamodule)
    report(clocks, config.trainer.log_every_n_steps)


if __name__ == "__main__":
    main()
