# /// script
# dependencies = ["transformers==5.24.0", "torch==2.13.0", "numpy"]
# ///
"""transformers: models with a recurrent state, small and untrained, in their implementation without CUDA packages."""

import inspect
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
import transformers
from laws import Layer, layer, report, tokens
from torch import Tensor, nn

SAVED = "The cache is an object of the package's, changed in place; torch.load takes it with weights_only=False."
REMARKS = {name: "With a cache a window of several steps begins its scan anew, only one step goes on. " + SAVED
           for name in ("Mamba", "FalconMamba", "Jamba")} | {
    "Zamba2": "With weights of 0.3, as here; with the 0.02 that it begins with both are equal to 3e-7. " + SAVED,
    "MiniMax": "Where the first layer is of linear attention and a later one of full attention. " + SAVED,
}  # fmt: skip
SIZES = {"vocab_size": 32, "hidden_size": 32, "num_hidden_layers": 2, "initializer_range": 0.1}
HEADS = {"num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 64}
SSD = {"mamba_n_heads": 4, "mamba_d_head": 16, "mamba_d_state": 8, "mamba_n_groups": 1, "mamba_chunk_size": 16}
EXPERTS = {"num_experts": 2, "num_experts_per_tok": 1}
DELTA = {f"linear_{what}": size for what, size in (
    ("num_value_heads", 4), ("num_key_heads", 2), ("key_head_dim", 8), ("value_head_dim", 8))}  # fmt: skip
MODELS: dict[str, dict[str, Any]] = {
    "Mamba": {"state_size": 8},
    "FalconMamba": {"state_size": 8},
    "Mamba2": {"num_heads": 4, "head_dim": 16, "state_size": 8, "n_groups": 2, "chunk_size": 16},
    "Jamba": HEADS | {"attn_layer_period": 2, "attn_layer_offset": 1, "num_experts": 1, "mamba_d_state": 8},
    "Bamba": HEADS | SSD | {"attn_layer_indices": [1]},
    "Zamba2": HEADS | {
        "num_key_value_heads": 4, "layers_block_type": ["mamba", "hybrid"], "mamba_d_state": 8, "n_mamba_heads": 4,
        "mamba_ngroups": 1, "chunk_size": 16, "num_mem_blocks": 1, "attention_head_dim": 16, "initializer_range": 0.3},
    "FalconH1": HEADS | SSD | {"mamba_d_ssm": 64},
    "GraniteMoeHybrid": HEADS | SSD | {"shared_intermediate_size": 64, "layer_types": ["mamba", "attention"]},
    "Lfm2": HEADS | {"layer_types": ["conv", "full_attention"]},
    "Qwen3Next": HEADS | DELTA | EXPERTS | {
        "head_dim": 8, "layer_types": ["linear_attention", "full_attention"], "moe_intermediate_size": 32,
        "shared_expert_intermediate_size": 32},
    "MiniMax": HEADS | {
        "head_dim": 8, "layer_types": ["linear_attention", "full_attention"], "num_local_experts": 2, "block_size": 16},
}  # fmt: skip


def read(net: nn.Module, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    """With the positions that `generate` passes, where the model takes them."""
    cache, count = (None, 0) if state is None else state
    positions = torch.arange(count, count + x.shape[1])[None]
    more = {"position_ids": positions} if "position_ids" in inspect.signature(net.forward).parameters else {}
    out = net(x, cache=cache, use_cache=True, **more)
    return out.last_hidden_state, (out.cache, count + x.shape[1])


def window(net: nn.Module, x: Tensor) -> Tensor:
    y: Tensor = net(x).last_hidden_state
    return y


def layers() -> Iterator[Layer]:
    transformers.logging.set_verbosity_error()
    for name, more in MODELS.items():
        net = transformers.AutoModel.from_config(getattr(transformers, f"{name}Config")(**SIZES | more)).eval()
        yield layer(
            name, 1, partial(read, net), whole=partial(window, net),
            dtype=torch.float32, signal=tokens,
            remark=REMARKS.get(name, SAVED),
        )  # fmt: skip


if __name__ == "__main__":
    report(layers())
