# /// script
# dependencies = ["snntorch==1.0.0", "torch==2.13.0", "numpy"]
# ///
"""snntorch: neurons that take one step; what they are given or, if nothing, their own last state."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import snntorch
import torch
from laws import BATCH, Layer, layer, load, report, save_weights
from torch import Tensor, nn

GIVEN = "The state goes in and comes out as tensors of the input's shape."
OWN = (
    "Without mem a neuron goes on where its last call stopped, also in a new sequence, until reset_mem(); "
    "what it keeps is not in its state_dict."
)


def given(net: Any, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    """The state goes in and comes out, as the tutorials do it; x (B, T, D)."""
    start = net.reset_mem()
    start = start if isinstance(start, tuple) else (start,)
    state = start if state is None else state
    answers = []
    for now in x.unbind(1):
        out = net(now, *state)
        state = out[-len(start) :]
        answers.append(torch.cat(out, -1))
    return torch.stack(answers, 1), state


def kept(x: Tensor, net: nn.Module) -> tuple[Tensor, nn.Module]:
    """The state stays in the neuron."""
    return torch.stack([torch.cat(net(now), -1) for now in x.unbind(1)], 1), net


def used() -> nn.Module:
    """A neuron that has read another sequence."""
    _, net = kept(torch.ones(BATCH, 20, 4), snntorch.Leaky(beta=0.9))
    return net


def another(saved: bytes) -> nn.Module:
    net = snntorch.Leaky(beta=0.9)
    net.load_state_dict(load(saved))
    return net


def layers() -> Iterator[Layer]:
    kinds = {
        "Leaky": snntorch.Leaky(beta=0.9),
        "Lapicque": snntorch.Lapicque(beta=0.9),
        "RLeaky": snntorch.RLeaky(beta=0.9, linear_features=4),
        "Synaptic": snntorch.Synaptic(alpha=0.8, beta=0.9),
        "RSynaptic": snntorch.RSynaptic(alpha=0.8, beta=0.9, linear_features=4),
        "Alpha": snntorch.Alpha(alpha=0.9, beta=0.8),
        "SLSTM": snntorch.SLSTM(4, 4, threshold=0.1),
    }
    for name, net in kinds.items():
        yield layer(name, 4, partial(given, net), dtype=torch.float32, remark=GIVEN)
    yield layer(
        "Leaky, mem left out", 4, lambda x, net: kept(x, used() if net is None else net), dtype=torch.float32,
        whole=lambda x: kept(x, snntorch.Leaky(beta=0.9))[0], save=save_weights,
        load=another, remark=OWN,
    )  # fmt: skip


if __name__ == "__main__":
    report(layers())
