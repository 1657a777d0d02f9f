# /// script
# dependencies = ["local-attention==1.11.2", "torch==2.13.0", "numpy"]
# ///
"""local-attention: attention in windows of 8, with a cache of keys and values that grows."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from laws import Layer, report, tokens
from local_attention import LocalTransformer
from local_attention.transformer import LocalMHA
from torch import Tensor

CACHE = "With a cache it takes one step at a time, and rotates the keys of the cache once more at each."


def read(net: LocalMHA, x: Tensor, cache: Any) -> tuple[Tensor, Any]:
    y, cache = net(x, cache=cache, return_cache=True)
    return y, cache


def step(net: LocalTransformer, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    """It is given all tokens so far, and looks at the newest."""
    tokens, cache = (x[:, :0], None) if state is None else (state[0], state[1])
    tokens = torch.cat([tokens, x], 1)
    y, cache = net(tokens, cache=cache, return_cache=True)
    return y[:, -1:], (tokens, tuple(cache))


def layers() -> Iterator[Layer]:
    sizes = {"dim_head": 8, "heads": 2, "causal": True}
    for name, more in (("LocalMHA", {}), ("LocalMHA, exact_windowsize=False", {"exact_windowsize": False})):
        net = LocalMHA(dim=16, window_size=8, **sizes, **more).eval()
        yield Layer(
            name, 16, None, partial(read, net), whole=net,
            dtype=torch.float32, remark=CACHE,
        )  # fmt: skip
    sizes = {"dim": 16, "depth": 2, "local_attn_window_size": 8, "dim_head": 8, "heads": 2}
    whole = LocalTransformer(num_tokens=32, max_seq_len=64, **sizes)
    whole.eval()
    yield Layer(
        "LocalTransformer", 1, read=None, step=partial(step, whole), whole=whole,
        dtype=torch.float32, signal=tokens, remark=CACHE,
    )  # fmt: skip


if __name__ == "__main__":
    report(layers())
