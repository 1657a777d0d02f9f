"""Small labelled sequences that a model can learn: rising, falling or flat, of different lengths."""

from pathlib import Path

import numpy as np

WORDS = ["datamodule=labelled_series", "datamodule.files=[a.csv]", "datamodule.id=id", "datamodule.label=kind"]
WORDS += ["datamodule.inputs=[x,y]", "trainer=cpu", "threads=1"]
KINDS = {"down": -1.0, "flat": 0.0, "up": 1.0}


def write(path: str, sequences: int, seed: int = 0, first: int = 0, kinds: list[str] | None = None) -> Path:
    """A long table of sequences of 3 to 9 steps; the kinds take turns, ids count from `first`."""
    random = np.random.default_rng(seed)
    names = kinds or list(KINDS)
    lines = ["id,kind,x,y"]
    for number in range(first, first + sequences):
        kind = names[number % len(names)]
        steps = np.arange(random.integers(3, 10))
        x = 100 + KINDS[kind] * steps + random.normal(0, 0.3, len(steps))
        y = random.normal(0, 0.01, len(steps))
        lines += [f"{number},{kind},{a:.5f},{b:.5f}" for a, b in zip(x, y, strict=True)]
    Path(path).write_text("\n".join(lines) + "\n")
    return Path(path)
