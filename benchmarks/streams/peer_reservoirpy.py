# /// script
# dependencies = ["reservoirpy==0.4.2", "torch==2.13.0", "numpy"]
# ///
"""reservoirpy: a reservoir, whose state stays inside; several series as one array (B, T, D)."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import torch
from laws import Layer, layer, report
from reservoirpy.nodes import Reservoir
from torch import Tensor

NODE = "The state stays in the node, and goes into a pickle of it."
ROWS = "Every row of an array begins in the one state that the node has, that of the last row of the call before."


def fresh() -> Reservoir:
    return Reservoir(units=16, seed=0)


def window(x: Tensor, node: Any) -> tuple[Tensor, Reservoir]:
    node = fresh() if node is None else deepcopy(node)
    array = x.numpy()
    return torch.from_numpy(node.run(array if len(array) > 1 else array[0])).reshape(*x.shape[:2], -1), node


def step(x: Tensor, node: Any) -> tuple[Tensor, Reservoir]:
    node = fresh() if node is None else deepcopy(node)
    return torch.from_numpy(node.step(x[0, 0].numpy())).reshape(1, 1, -1), node


def layers() -> Iterator[Layer]:
    yield layer("Reservoir, one series", 4, window, step, batch=1, remark=NODE)
    yield Layer("Reservoir, three series", 4, window, None, whole=lambda x: window(x, None)[0], remark=ROWS)


if __name__ == "__main__":
    report(layers())
