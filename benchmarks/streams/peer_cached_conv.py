# /// script
# dependencies = ["cached-conv==2.5.0", "torch==2.13.0", "numpy"]
# ///
"""cached-conv: convolutions that pad with zeros, or with the end of the call before; centred ones answer late."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import cached_conv
import torch
from laws import Layer, layer, load, report, save_weights
from torch import Tensor, nn

REMARK = "The cache is a buffer from the first call on: a net that has not run refuses its state_dict."
FIRST = "The first outputs see a bias where a window sees padding. " + REMARK


def net(cached: bool, mode: str) -> nn.Module:
    """Two convolutions with the same weights whatever is asked for."""
    torch.manual_seed(0)
    cached_conv.use_cached_conv(cached)
    first = cached_conv.Conv1d(4, 8, 5, padding=cached_conv.get_padding(5, mode=mode))
    padding = cached_conv.get_padding(3, mode=mode)
    second = cached_conv.Conv1d(8, 8, 3, padding=padding, cumulative_delay=first.cumulative_delay)
    return cached_conv.CachedSequential(first, nn.Tanh(), second).double().eval()


def window(mode: str, x: Tensor) -> Tensor:
    y: Tensor = net(False, mode)(x.transpose(1, 2))
    return y.transpose(1, 2)


def read(mode: str, x: Tensor, state: Any) -> tuple[Tensor, nn.Module]:
    """The state stays in the net."""
    one = net(True, mode) if state is None else state
    return one(x.transpose(1, 2)).transpose(1, 2), one


def another(mode: str, saved: bytes) -> nn.Module:
    one = net(True, mode)
    one.load_state_dict(load(saved))
    return one


def layers() -> Iterator[Layer]:
    for mode, delay, remark in (("causal", 0, REMARK), ("centered", 3, FIRST)):
        yield layer(
            f"{mode} convolutions", 4, partial(read, mode), whole=partial(window, mode), delay=delay, ahead=delay,
            save=save_weights, load=partial(another, mode), remark=remark,
        )  # fmt: skip


if __name__ == "__main__":
    report(layers())
