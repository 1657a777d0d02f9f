# /// script
# dependencies = ["continual-inference==1.2.4", "torch==2.13.0", "numpy"]
# ///
"""continual-inference: `forward` reads a window, `forward_steps` and `forward_step` go on with a state inside."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import continual
import torch
from laws import Layer, layer, load, report, save
from torch import Tensor, nn

LATE = "An answer comes when its last input has come."
HELD = "The state stays in the layer; get_state() and set_state() give and take it."
PARTS = "get_state() of a container is None, while its parts have theirs."
REPLICATED = "A stream begins with copies of its first products, a window with zeros."


def given(answer: Any, x: Tensor, width: int) -> Tensor:
    """Nothing comes out before enough has gone in."""
    return answer.transpose(1, 2) if isinstance(answer, Tensor) else x.new_zeros(len(x), 0, width)


def begin(net: Any, state: Any) -> None:
    net.clean_state()
    if state is not None:
        net.set_state(state)


def copied(state: Any) -> Any:
    if isinstance(state, Tensor):
        return state.clone()
    return type(state)(copied(part) for part in state) if isinstance(state, list | tuple) else state


def pieces(net: Any, width: int, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    begin(net, state)
    y = given(net.forward_steps(x.transpose(1, 2)), x, width)
    return y, copied(net.get_state())


def step(net: Any, width: int, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    begin(net, state)
    answer = net.forward_step(x[:, 0])
    y = given(answer[..., None] if isinstance(answer, Tensor) else answer, x, width)
    return y, copied(net.get_state())


def whole(net: Any, x: Tensor) -> Tensor:
    out = net(x.transpose(1, 2))
    y: Tensor = out[0] if isinstance(out, tuple) else out
    return y.transpose(1, 2)


def container() -> Any:
    torch.manual_seed(0)
    return continual.Sequential(continual.Conv1d(4, 8, 5), nn.ReLU(), continual.Conv1d(8, 8, 3)).double().eval()


def kept(x: Tensor, net: Any) -> tuple[Tensor, Any]:
    """The state stays in the net."""
    net = container() if net is None else net
    return given(net.forward_steps(x.transpose(1, 2)), x, 8), net


def another(saved: bytes) -> Any:
    net = container()
    net.set_state(load(saved))
    return net


def save_state(net: Any) -> bytes:
    return save(net.get_state())


def layers() -> Iterator[Layer]:
    replicating = continual.Conv1d(4, 8, 5, padding=2, temporal_fill="replicate")
    nets: dict[str, tuple[Any, int, int, str]] = {  # and its outputs, the steps it looks ahead, a remark
        "Conv1d": (continual.Conv1d(4, 8, 5), 8, 4, LATE),
        "Conv1d, padding=2": (continual.Conv1d(4, 8, 5, padding=2), 8, 2, LATE),
        "AvgPool1d": (continual.AvgPool1d(5, stride=1), 4, 4, LATE),
        "RNN": (continual.RNN(4, 8), 8, 0, HELD),
        "GRU": (continual.GRU(4, 8), 8, 0, HELD),
        "LSTM": (continual.LSTM(4, 8), 8, 0, HELD),
        "Conv1d, padding=2, temporal_fill='replicate'": (replicating, 8, 2, REPLICATED),
    }
    for name, (net, outputs, ahead, remark) in nets.items():
        net.double().eval()
        yield layer(
            name, 4, partial(pieces, net, outputs), partial(step, net, outputs), whole=partial(whole, net),
            ahead=ahead, remark=remark,
        )  # fmt: skip
    yield layer(
        "Sequential",
        4,
        kept,
        whole=lambda x: whole(container(), x),
        ahead=6,
        save=save_state,
        load=another,
        remark=PARTS,
    )


if __name__ == "__main__":
    report(layers())
