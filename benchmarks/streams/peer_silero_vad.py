# /// script
# dependencies = ["silero-vad==6.2.3", "torch==2.13.0", "numpy"]
# ///
"""silero-vad: a trained detector of speech, which reads audio in chunks of 512 samples and keeps its state inside."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from laws import Layer, report
from silero_vad import load_silero_vad
from torch import Tensor

REMARK = "A step is 512 samples. The state stays in the model, which does not give it away, until reset_states()."


def window(net: Any, x: Tensor) -> Tensor:
    y: Tensor = net.audio_forward(x.flatten(1), 16000)
    return y[..., None]


def step(net: Any, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    if state is None:
        net.reset_states()
    return net(x[:, 0], 16000)[:, None], "in the model"


def layers() -> Iterator[Layer]:
    net = load_silero_vad()
    yield Layer(
        "the TorchScript model", 512, None, partial(step, net),
        whole=partial(window, net),
        dtype=torch.float32, save=None, remark=REMARK,
    )  # fmt: skip


if __name__ == "__main__":
    report(layers())
