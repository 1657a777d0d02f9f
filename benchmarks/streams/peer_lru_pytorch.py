# /// script
# dependencies = ["lru-pytorch==0.1.3", "torch==2.13.0", "numpy"]
# ///
"""lru-pytorch: a state can be given, and none comes back."""

from collections.abc import Iterator

import torch
from laws import Layer, report
from LRU_pytorch import LRU

REMARK = "A state can be given, to the first row alone, and none comes back."


def layers() -> Iterator[Layer]:
    net = LRU(4, 4, 8).eval()
    yield Layer("LRU", 4, read=None, step=None, whole=net, dtype=torch.float32, remark=REMARK)


if __name__ == "__main__":
    report(layers())
