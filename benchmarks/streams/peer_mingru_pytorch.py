# /// script
# dependencies = ["minGRU-pytorch==0.2.1", "torch==2.13.0", "numpy"]
# ///
"""minGRU-pytorch: windows are a scan in logarithms, a window of one step is the plain equation."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from laws import Layer, layer, report
from minGRU_pytorch import minGRU
from minGRU_pytorch.minLSTM import minLSTM
from torch import Tensor, nn

POSITIVE = "A state is the newest hidden value, (B, 1, H), always positive."
AGAIN = (
    "A window of several steps puts the state it is given through g once more, a single step does not, so only steps "
    "go on where a window ended."
)


def read(net: nn.Module, x: Tensor, state: Any) -> tuple[Tensor, Tensor]:
    y, state = net(x, state, return_next_prev_hidden=True)
    return y, state


def layers() -> Iterator[Layer]:
    gru, lstm = minGRU(8).double().eval(), minLSTM(8).double().eval()
    yield layer("minGRU", 8, partial(read, gru), remark=POSITIVE)
    yield layer("minLSTM", 8, partial(read, lstm), remark=AGAIN)
    torch.manual_seed(0)
    small = minGRU(8).eval()
    yield layer("minGRU, float32", 8, partial(read, small), dtype=torch.float32, remark=POSITIVE)


if __name__ == "__main__":
    report(layers())
