# /// script
# dependencies = ["x-transformers==2.31.10", "torch==2.13.0", "numpy"]
# ///
"""x-transformers: a causal decoder over a window, and with a cache of keys and values."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from laws import Layer, report
from torch import Tensor
from x_transformers import Decoder

SAVED = "The cache is a dataclass of the package's, which torch.load takes with weights_only=False."
OPTIONS: dict[str, tuple[dict[str, Any], str]] = {  # and what is to be said of it
    "Decoder": ({}, SAVED),
    "rotary_pos_emb": ({"rotary_pos_emb": True}, SAVED),
    "alibi_pos_bias": ({"alibi_pos_bias": True}, SAVED),
    "rel_pos_bias": ({"rel_pos_bias": True}, SAVED),
    "attn_qk_norm": ({"attn_qk_norm": True}, SAVED),
    "attn_kv_heads": ({"attn_kv_heads": 1}, SAVED),
    "add_value_residual": ({"add_value_residual": True}, SAVED),
    "gate_residual": ({"gate_residual": True}, SAVED),
    "shift_tokens": ({"shift_tokens": 1}, "The step before, from which features are shifted, is not in the cache."),
    "attn_data_dependent_alibi": ({"attn_data_dependent_alibi": True}, "Its bias is made of the newest steps alone."),
    "attn_sparse_topk": ({"attn_sparse_topk": 4}, "It raises while there are fewer keys than k, here 4."),
    "attn_orthog_projected_values": (
        {"attn_orthog_projected_values": True},
        "The projection takes all steps of a row together, also those that are still to come.",
    ),
}


def step(net: Decoder, x: Tensor, cache: Any) -> tuple[Tensor, Any]:
    y, cache = net(x, cache=cache, cache_age=x.shape[1], input_not_include_cache=True, return_hiddens=True)
    return y, cache


def layers() -> Iterator[Layer]:
    for name, (more, remark) in OPTIONS.items():
        net = Decoder(dim=16, depth=2, heads=2, attn_dim_head=8, **more).eval()
        yield Layer(
            name, 16, partial(step, net), partial(step, net),
            whole=net, dtype=torch.float32, remark=remark,
        )  # fmt: skip


if __name__ == "__main__":
    report(layers())
