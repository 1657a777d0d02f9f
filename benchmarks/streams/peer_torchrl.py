# /// script
# dependencies = ["torchrl==0.14.1", "torch==2.13.0", "numpy"]
# ///
"""torchrl: recurrent modules on tensordicts, for one step or, in recurrent mode, for a window."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from laws import Layer, layer, report
from tensordict import TensorDict
from torch import Tensor, nn
from torchrl.modules import GRUModule, LSTMModule, set_recurrent_mode

STATES = {"LSTMModule": ("h", "c"), "GRUModule": ("h",)}
REMARK = "The state a window ends with stands at its last step, (B, T, L, H); the other steps hold zeros."


def window(net: nn.Module, keys: tuple[str, ...], x: Tensor, state: Any) -> tuple[Tensor, Any]:
    b, t, _ = x.shape
    start = torch.zeros(b, t, 1, dtype=torch.bool)
    start[:, 0] = state is None
    zeros = x.new_zeros(b, t, 1, 8)
    given = {key: zeros.clone() for key in keys}
    for key in keys if state is not None else ():
        given[key][:, 0] = state[key]
    with set_recurrent_mode(True):
        out = net(TensorDict({"x": x, "is_init": start, **given}, batch_size=[b, t]))
    return out["y"], {key: out["next", key][:, -1].clone() for key in keys}


def step(net: nn.Module, keys: tuple[str, ...], x: Tensor, state: Any) -> tuple[Tensor, Any]:
    b = len(x)
    given = {key: x.new_zeros(b, 1, 8) for key in keys} if state is None else state
    start = torch.full((b, 1), state is None)
    with set_recurrent_mode(False):
        out = net(TensorDict({"x": x[:, 0], "is_init": start, **given}, batch_size=[b]))
    return out["y"][:, None], {key: out["next", key] for key in keys}


def layers() -> Iterator[Layer]:
    for kind in (LSTMModule, GRUModule):
        keys = STATES[kind.__name__]
        out_keys = ["y", *[("next", key) for key in keys]]
        net = kind(input_size=4, hidden_size=8, in_keys=["x", *keys], out_keys=out_keys).eval()
        yield layer(
            kind.__name__, 4, partial(window, net, keys),
            step=partial(step, net, keys), dtype=torch.float32, remark=REMARK,
        )  # fmt: skip


if __name__ == "__main__":
    report(layers())
