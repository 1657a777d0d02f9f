# /// script
# dependencies = ["spikingjelly==2.0.0", "torch==2.13.0", "numpy"]
# ///
"""spikingjelly: neurons with a step mode for windows and one for single steps; the state stays inside."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from laws import Layer, layer, load, report, save_weights
from spikingjelly.activation_based import functional, neuron
from torch import Tensor, nn

REMARK = "The state is in the neuron, and not in its state_dict."
KINDS = (neuron.LIFNode, neuron.IFNode, neuron.ParametricLIFNode, neuron.QIFNode, neuron.EIFNode)


def twice(x: Tensor) -> Tensor:
    """Loud enough to make them fire."""
    return 2 * x


def read(kind: type[nn.Module], mode: str, x: Tensor, state: Any) -> tuple[Tensor, nn.Module]:
    one = kind() if state is None else state
    functional.set_step_mode(one, mode)
    y = one(x.transpose(0, 1)).transpose(0, 1) if mode == "m" else one(x[:, 0])[:, None]
    return y, one


def another(kind: type[nn.Module], saved: bytes) -> nn.Module:
    one = kind()
    one.load_state_dict(load(saved))
    return one


def layers() -> Iterator[Layer]:
    for kind in KINDS:
        yield layer(
            kind.__name__, 4, partial(read, kind, "m"),
            step=partial(read, kind, "s"), dtype=torch.float32, signal=twice,
            save=save_weights, load=partial(another, kind), remark=REMARK,
        )  # fmt: skip


if __name__ == "__main__":
    report(layers())
