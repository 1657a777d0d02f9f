# /// script
# dependencies = ["mambapy==1.2.0", "torch==2.13.0", "numpy"]
# ///
"""mambapy: windows by a parallel scan, steps with a cache (h, inputs) for each layer."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from laws import Layer, report
from mambapy.mamba import Mamba, MambaConfig
from torch import Tensor

STEPS = "A window takes no cache and returns none; the list of caches that steps take is changed in place."


def step(net: Mamba, config: MambaConfig, x: Tensor, caches: Any) -> tuple[Tensor, Any]:
    if caches is None:
        empty = x.new_zeros(len(x), config.d_inner, config.d_conv - 1)
        caches = [(None, empty) for _ in range(config.n_layers)]
    y, caches = net.step(x[:, 0], list(caches))
    return y[:, None], caches


def layers() -> Iterator[Layer]:
    config = MambaConfig(d_model=8, n_layers=2)
    mamba = Mamba(config).eval()
    yield Layer(
        "Mamba", 8, read=None, step=partial(step, mamba, config), whole=mamba,
        dtype=torch.float32, remark=STEPS,
    )  # fmt: skip


if __name__ == "__main__":
    report(layers())
