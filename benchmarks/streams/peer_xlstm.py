# /// script
# dependencies = ["xlstm==2.0.6", "torch==2.13.0", "numpy"]
# ///
"""xlstm: the block stack (windows, or steps with a state) and the large model (windows with a state)."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from laws import Layer, layer, report, tokens
from torch import Tensor
from xlstm import (
    mLSTMBlockConfig,
    mLSTMLayerConfig,
    sLSTMBlockConfig,
    sLSTMLayerConfig,
    xLSTMBlockStack,
    xLSTMBlockStackConfig,
)
from xlstm.xlstm_large.model import xLSTMLarge, xLSTMLargeConfig

STACK = "A window takes no state and returns none; steps have one, a dict that is changed in place."
LARGE = "The state is a dict of tensors, changed in place."


def step(net: xLSTMBlockStack, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    y, state = net.step(x, state)
    return y, state


def stack(at: list[int]) -> xLSTMBlockStack:
    config = xLSTMBlockStackConfig(
        mlstm_block=mLSTMBlockConfig(mlstm=mLSTMLayerConfig(num_heads=2)),
        slstm_block=sLSTMBlockConfig(slstm=sLSTMLayerConfig(backend="vanilla", num_heads=2)),
        context_length=64, num_blocks=2, embedding_dim=16, slstm_at=at,
    )  # fmt: skip
    net = xLSTMBlockStack(config)
    net.reset_parameters()
    return net.eval()


def layers() -> Iterator[Layer]:
    for name, at in (("block stack, mLSTM", []), ("block stack, mLSTM and sLSTM", [1])):
        net = stack(at)
        yield Layer(
            name, 16, None, partial(step, net), whole=net, dtype=torch.float32,
            remark=STACK,
        )  # fmt: skip
    kernels = {
        "chunkwise_kernel": "chunkwise--native_autograd",
        "sequence_kernel": "native_sequence__native",
        "step_kernel": "native",
    }
    large = xLSTMLarge(
        xLSTMLargeConfig(
            embedding_dim=32, num_heads=2, num_blocks=2, vocab_size=32, return_last_states=True, mode="inference",
            chunk_size=16, autocast_kernel_dtype="float32", **kernels,
        )
    ).eval()  # fmt: skip
    yield layer(
        "large", 1, large, dtype=torch.float32, signal=tokens,
        remark=LARGE,
    )  # fmt: skip


if __name__ == "__main__":
    report(layers())
