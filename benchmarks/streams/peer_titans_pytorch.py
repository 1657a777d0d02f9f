# /// script
# dependencies = ["titans-pytorch==0.5.5", "torch==2.13.0", "numpy"]
# ///
"""titans-pytorch: a memory that is trained while it reads, in chunks."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from laws import Layer, layer, report
from titans_pytorch import NeuralMemory
from torch import Tensor

REMARK = "Pieces of several steps have to end at multiples of chunk_size, here 4."


def read(net: NeuralMemory, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    y, state = net(x, state=state)
    return y, state


def layers() -> Iterator[Layer]:
    cuts = {"NeuralMemory, pieces of 16, 4, 28, 12": (16, 4, 28, 12), "NeuralMemory, of 17, 1, 30, 12": (17, 1, 30, 12)}
    for name, pieces in cuts.items():
        net = NeuralMemory(dim=16, chunk_size=4, heads=2, dim_head=8).eval()
        yield layer(
            name, 16, partial(read, net), pieces=pieces, dtype=torch.float32, remark=REMARK,
        )  # fmt: skip


if __name__ == "__main__":
    report(layers())
