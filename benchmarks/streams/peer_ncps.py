# /// script
# dependencies = ["ncps==1.0.1", "torch==2.13.0", "numpy"]
# ///
"""ncps: closed-form continuous-time networks and liquid time constants; a state is (B, H)."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from laws import BATCH, Layer, layer, report
from ncps.torch import LTC, CfC
from torch import Tensor, nn

STATE = "A state is (B, H), with mixed_memory two of them."
TIMED = (
    "Time spans (B, T) meet a state (B, H) as (B,): with H = B, as here, unit j of every row takes row j's; "
    "with another H it raises (its issue 83)."
)


def timed(net: nn.Module, x: Tensor, state: Any) -> tuple[Tensor, Tensor]:
    """The last column of x is how long each step takes."""
    y, state = net(x[..., :-1], state, timespans=x[..., -1])
    return y, state


def positive(x: Tensor) -> Tensor:
    return torch.cat([x[..., :-1], x[..., -1:].exp()], -1)


def layers() -> Iterator[Layer]:
    yield layer("CfC", 4, CfC(4, 8).eval(), dtype=torch.float32, remark=STATE)
    yield layer("CfC, mixed_memory", 4, CfC(4, 8, mixed_memory=True).eval(), dtype=torch.float32, remark=STATE)
    yield layer("LTC", 4, LTC(4, 8).eval(), dtype=torch.float32, remark=STATE)
    spans = CfC(4, BATCH).eval()
    yield layer(
        "CfC, timespans (B, T), H = B", 5, partial(timed, spans),
        dtype=torch.float32, signal=positive, remark=TIMED,
    )  # fmt: skip


if __name__ == "__main__":
    report(layers())
