# /// script
# dependencies = ["pytorch-tcn==1.2.3", "torch==2.13.0", "numpy"]
# ///
"""pytorch-tcn: windows of any batch, streams of one row with `inference=True` and buffers inside the layers."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from laws import Layer, layer, report
from pytorch_tcn import TCN, TemporalConv1d
from torch import Tensor

ONE = "A stream is one row (more raise ValueError); what it remembers is also in the state_dict."


def read(net: TCN, x: Tensor, buffers: Any) -> tuple[Tensor, Any]:
    if buffers is None:
        net.reset_buffers()
    else:
        net.set_buffers(buffers)
    return net(x, inference=True), [buffer.clone() for buffer in net.get_buffers()]


def circular_window(net: TemporalConv1d, x: Tensor) -> Tensor:
    y: Tensor = net(x.transpose(1, 2))
    return y.transpose(1, 2)


def circular(net: TemporalConv1d, x: Tensor, buffer: Any) -> tuple[Tensor, Any]:
    net.buffer = torch.zeros(1, 4, net.pad_len, dtype=x.dtype) if buffer is None else buffer
    y = net(x.transpose(1, 2), inference=True).transpose(1, 2)
    return y, net.buffer.clone()


def layers() -> Iterator[Layer]:
    net = TCN(4, [8, 8, 8], input_shape="NLC").double().eval()
    yield layer("TCN", 4, partial(read, net), whole=net, batch=1, remark=ONE)
    conv = TemporalConv1d(4, 8, 3, padding_mode="circular").double()
    yield layer(
        "TemporalConv1d, circular", 4, partial(circular, conv), batch=1,
        whole=partial(circular_window, conv),
        remark="The first outputs of a window are padded with its end, also with causal=True.",
    )  # fmt: skip


if __name__ == "__main__":
    report(layers())
