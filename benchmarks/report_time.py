"""How long a report on 1,000 runs takes: folders as real runs leave them, then the whole command.

python benchmarks/report_time.py --runs 1000 --rounds 3
python benchmarks/report_time.py --keep outputs/many        keeps the folders, to look at the report
"""

import argparse
import itertools
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from seqmodels.config.compose import compose
from seqmodels.config.outputs import job_folder

SEEDS = range(1, 6)
STEPS = range(49, 2000, 10)


def choices(runs: int) -> list[list[str]]:
    """The words of each run: three cores, a grid of rates and sizes, five seeds."""
    cores, sizes = ("rnn", "lstm", "gru"), (16, 32, 64, 128)
    rates = [round(0.0001 * 1.5**i, 6) for i in range(-(-runs // (len(cores) * len(sizes) * len(SEEDS))))]
    grid = itertools.product(cores, rates, sizes, SEEDS)
    return [
        [f"core={core}", f"optimizer.lr={rate}", f"core.hidden_size={size}", f"seed={seed}"]
        for core, rate, size, seed in itertools.islice(grid, runs)
    ]


def make(folder: Path, runs: int) -> None:
    """A sweep of `sine_stream` with configs as composed, 196 rows of metrics each, one in fifty failed or cut off."""
    composed: dict[str, Any] = {}
    for number, words in enumerate(choices(runs)):
        core, rate, size, seed = (word.partition("=")[2] for word in words)
        if core not in composed:
            composed[core] = compose(["+experiment=sine_stream", words[0]])
        cfg = composed[core]
        cfg.optimizer.lr, cfg.core.hidden_size, cfg.seed = float(rate), int(size), int(seed)
        overrides = ["+experiment=sine_stream", *words]
        run = folder / job_folder(number, overrides)
        (run / ".hydra").mkdir(parents=True)
        (run / "checkpoints").mkdir()
        OmegaConf.save(cfg, run / ".hydra" / "config.yaml")
        OmegaConf.save(OmegaConf.create(overrides), run / ".hydra" / "overrides.yaml")
        chosen = {"core": core, "optimizer": "adam", "scheduler": "cosine"}
        filling = {f"key_{i}": [f"value {i}"] * 3 for i in range(60)}  # Hydra's own record is as long as this
        record = OmegaConf.create({"hydra": {"help": filling, "runtime": {"choices": chosen}}})
        OmegaConf.save(record, run / ".hydra" / "hydra.yaml")
        _finish(run, overrides, cfg, number)


def _finish(run: Path, overrides: list[str], cfg: Any, number: int) -> None:
    """metrics.csv and results.json, with a made-up score that depends on the choices and the seed."""
    chance = random.Random(number)
    lr, size = cfg.optimizer.lr, cfg.core.hidden_size
    best = 0.99 - 2 * abs(lr - 0.004) - 0.4 / size + chance.gauss(0, 0.01)
    rows = ["step,epoch,train/loss,lr,val/loss,val/r2"]
    for step in STEPS:
        reached = 1 - 2.7 ** (-step * lr / 2)
        loss = 0.5 * (1 - best * reached) * chance.uniform(0.9, 1.1)
        rows.append(f"{step},0,{loss},{lr}," + (f"{1 - best * reached},{best * reached}" if step % 100 == 49 else ","))
    (run / "metrics.csv").write_text("\n".join(rows) + "\n")
    if number % 100 == 7:
        return
    results = {
        "status": "failed" if number % 100 == 57 else "completed",
        "name": cfg.name,
        "datamodule": "sine",
        "metrics": {"train/loss": loss, "val/r2": best * reached, "test/r2": best * reached - 0.002},
        "monitor": cfg.monitor,
        "mode": cfg.mode,
        "overrides": overrides,
        "seed": cfg.seed,
        "parameters": 4 * size * (size + 2),
        "steps": 2000,
        "seconds": 10.0 + size / 10,
        "device": "cpu, 1 thread",
    }
    (run / "results.json").write_text(json.dumps(results, indent=2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", metavar="FOLDER", type=Path)
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = words.keep or Path(temporary, "many")
        if not folder.exists():
            make(folder, words.runs)
        seconds = []
        for _ in range(words.rounds):
            started = time.perf_counter()
            command = [sys.executable, "-m", "seqmodels.report", str(folder)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            seconds.append(time.perf_counter() - started)
        runs = len(list(folder.glob("*/.hydra")))
        size = (folder / "report.html").stat().st_size / 2**20
    print("| runs | median (s) | min to max | report.html (MiB) |\n|---|---|---|---|")
    print(f"| {runs} | {statistics.median(seconds):.2f} | {min(seconds):.2f} to {max(seconds):.2f} | {size:.2f} |")


if __name__ == "__main__":
    main()
