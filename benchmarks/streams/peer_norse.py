# /// script
# dependencies = ["norse==1.1.0", "torch==2.13.0", "numpy"]
# ///
"""norse: spiking layers over time; a state is a NamedTuple of (B, H)."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import norse.torch as norse
from laws import Layer, layer, report
from torch import Tensor, nn

REMARK = "A state is a NamedTuple of norse's, which torch.load takes with weights_only=False or after add_safe_globals."
FEED_FORWARD = ("LIF", "LIFAdEx", "LIFEx", "LSNN", "LI", "IAF")
RECURRENT = ("LIFRecurrent", "LIFAdExRecurrent", "LIFExRecurrent", "LSNNRecurrent", "LIFRefracRecurrent")


def loud(x: Tensor) -> Tensor:
    """Loud enough to make them fire."""
    return 20 * x


def read(net: nn.Module, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    y, state = net(x.transpose(0, 1), state)
    return y.transpose(0, 1), state


def layers() -> Iterator[Layer]:
    for name in FEED_FORWARD:
        net = getattr(norse, name)().double()
        yield layer(name, 4, partial(read, net), signal=loud, remark=REMARK)
    for name in RECURRENT:
        net = getattr(norse, name)(4, 8).double()
        yield layer(name, 4, partial(read, net), signal=loud, remark=REMARK)


if __name__ == "__main__":
    report(layers())
