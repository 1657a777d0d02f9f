# /// script
# dependencies = ["s5-pytorch==0.2.1", "torch==2.13.0", "numpy"]
# ///
"""s5-pytorch: a diagonal state-space model; a window with `state=`, a step with `forward_rnn`."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from laws import Layer, layer, report
from s5 import S5, S5Block
from torch import Tensor, nn

STATE = "A state is complex, (B, N); None begins a stream, initial_state() raises."


def window(net: nn.Module, x: Tensor, state: Any) -> tuple[Tensor, Tensor]:
    y, state = net(x, state=state, return_state=True)
    return y, state


def step(net: S5, x: Tensor, state: Any) -> tuple[Tensor, Tensor]:
    """`forward_rnn` takes one step of one row."""
    states = torch.zeros(len(x), len(net.seq.Lambda), dtype=torch.complex64) if state is None else state
    rows = [net.seq.forward_rnn(row[0], its) for row, its in zip(x, states, strict=True)]
    return torch.stack([y for y, _ in rows])[:, None], torch.stack([its for _, its in rows])


def layers() -> Iterator[Layer]:
    plain, block, liquid = S5(8, state_width=16), S5Block(8, 16, bidir=False).eval(), S5(8, state_width=16, liquid=True)
    single: dict[str, Any] = {"dtype": torch.float32}
    yield layer("S5", 8, partial(window, plain), step=partial(step, plain), remark=STATE, **single)
    yield layer("S5Block", 8, partial(window, block), remark=STATE, **single)
    yield layer(
        "S5, liquid", 8, partial(window, liquid), step=partial(step, liquid), **single,
        remark="A carried state meets the first step's decay without the input's share of it.",
    )  # fmt: skip


if __name__ == "__main__":
    report(layers())
