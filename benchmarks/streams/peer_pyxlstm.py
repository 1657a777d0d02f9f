# /// script
# dependencies = ["PyxLSTM==1.0.1", "torch==2.13.0", "numpy"]
# ///
"""PyxLSTM: a language model of xLSTM blocks that takes and returns hidden states."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from laws import Layer, layer, report, tokens
from torch import Tensor
from xLSTM.model import xLSTM

ONE = "With one layer every step is read by itself."
MORE = "With two layers it raises, also for a whole window."


def read(net: xLSTM, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    y, state = net(x, state)
    return y, state


def layers() -> Iterator[Layer]:
    for kind in ("slstm", "mlstm"):
        for count in (1, 2):
            net = xLSTM(32, 16, 16, count, 1, lstm_type=kind).eval()
            yield layer(
                f"{kind}, num_layers={count}", 1, partial(read, net), dtype=torch.float32,
                signal=tokens, remark=ONE if count == 1 else MORE,
            )  # fmt: skip


if __name__ == "__main__":
    report(layers())
