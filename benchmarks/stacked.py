"""Training steps of several small models: each alone, or losses and gradients of all computed together.

python benchmarks/stacked.py --core gru --models 16 --streams 1 --hidden 32
python benchmarks/stacked.py --core lstm --models 32 --streams 64 --hidden 128 --device cuda

Seconds of forward and backward of all models, without data, optimiser and Lightning; on the CPU of one thread and of
CPU time, so that what else runs counts little.
"""

import argparse
import time
from typing import Any

import torch

from alternate import measure, report, table
from seqmodels.datamodules.window import Window
from seqmodels.modules.regressor import StreamRegressor
from seqmodels.runs.build import build_datamodule, build_module
from seqmodels.runs.run import compose
from seqmodels.stacking.readers import reader_of
from seqmodels.stacking.steps import AllInOne, alone, own_kernels
from seqmodels.stacking.tasks import Task, task_of

VARIANTS = ("alone", "own kernels", "all in one")
STEPS = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--core", default="gru")
    parser.add_argument("--models", type=int, default=16)
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--hidden", type=int, default=32)
    parser.add_argument("--window", type=int, default=20)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--variant", choices=VARIANTS)
    args = parser.parse_args()
    if args.variant:
        report(seconds(args))
        return
    given = {key: value for key, value in vars(args).items() if key not in ("rounds", "variant")}
    words = [word for key, value in given.items() for word in (f"--{key}", str(value))]
    known = VARIANTS if reader_of(tasks_of(args)[0].module.core) else VARIANTS[:2]
    table(measure(__file__, known, args.rounds, *words), "alone", "ms a step of all models", 1e3)


def seconds(args: argparse.Namespace) -> float:
    """Of one step of all models."""
    torch.set_num_threads(1)
    tasks = tasks_of(args)
    step = {"alone": alone, "own kernels": own_kernels}.get(args.variant) or all_in_one(tasks)
    clock = time.process_time if args.device == "cpu" else time.perf_counter
    for _ in range(3):
        step(tasks)
    _wait(args.device)
    started = clock()
    for _ in range(STEPS):
        step(tasks)
    _wait(args.device)
    return (clock() - started) / STEPS


def tasks_of(args: argparse.Namespace) -> list[Task]:
    """The second window of each model's own streams."""
    tasks = []
    for seed in range(args.models):
        words = [f"core={args.core}", f"core.hidden_size={args.hidden}", f"datamodule.num_streams={args.streams}"]
        cfg = compose(["+experiment=sine_stream", *words, f"datamodule.window={args.window}", f"seed={seed}"])
        data = build_datamodule(cfg)
        torch.manual_seed(seed)
        module: StreamRegressor = build_module(cfg, data).to(args.device)
        first, second = (_on(args.device, data.splits["train"].window(number)) for number in range(2))
        loss, _, after = module.compute(first, module.tbptt.windows_in_reach(first))
        module.tbptt.carried = module.tbptt.carried_after(module.tbptt.windows_in_reach(first), after, loss)
        tasks.append(task_of(seed, module, (second, module.tbptt.windows_in_reach(second))))
    return tasks


def all_in_one(tasks: list[Task]) -> AllInOne:
    """The models read at once."""
    reader: Any = reader_of(tasks[0].module.core)
    return AllInOne(reader, len(tasks))


def _on(device: str, window: Window) -> Window:
    return window.to(torch.device(device))


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
