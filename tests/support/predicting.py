"""A run on three pumps, and rows to predict with it."""

import random
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from seqmodels.runs.run import compose, train

PUMPS = [
    "datamodule=series", "module=regressor", "trainer=cpu", "threads=1", "trainer.max_epochs=2", "monitor=val/loss",
    "mode=min", "core.hidden_size=8", "core.num_layers=2", "datamodule.inputs=[flow,heat]",
    "datamodule.time=t", "datamodule.targets=[heat,wear]", "datamodule.group=pump", "datamodule.horizon=2",
    "datamodule.window=10", "datamodule.missing=ffill", "datamodule.gaps=reset", "datamodule.time_step=1",
    "datamodule.cache=cache", "test=false", "optimizer.lr=0.01",
]  # fmt: skip
HEADER = "pump,t,flow,heat,note\n"


def table(rows: int, seed: int = 0, gap: int = 70) -> list[str]:
    """Lines of a CSV below the header, of three pumps that take turns at random; with holes and a gap in time."""
    dice, generator, times, lines = random.Random(seed), np.random.default_rng(seed), dict.fromkeys("abc", 0), []
    for number in range(rows):
        pump = dice.choice("abc")
        t = times[pump] = times[pump] + (10 if times[pump] == gap else 1)
        flow = "" if number % 31 == 5 else f"{np.sin(t / 5 + ord(pump)) + generator.normal(0, 0.1):.6f}"
        lines.append(f'{pump},{t:.2f},{flow},{20 + 3 * np.sin(t / 5 - 1 + ord(pump)):.5f},"no, {number}"\n')
    return lines


@cache
def _trained(base: Path) -> Path:
    torch.set_num_threads(1)
    rows = [line.split('"')[0].rstrip(",") for line in table(900, seed=1)]
    signal = base / "pumps.csv"
    signal.write_text("pump,t,flow,heat,wear\n" + "".join(f"{row},{number / 100}\n" for number, row in enumerate(rows)))
    words = [*PUMPS, f"datamodule.files=[{signal}]", f"datamodule.cache={base}/cache"]
    return train(compose(words), base / "run", words).folder


@pytest.fixture(scope="session")
def pumps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the run; no test changes it."""
    return _trained(tmp_path_factory.getbasetemp())
