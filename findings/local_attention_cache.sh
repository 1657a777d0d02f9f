#!/usr/bin/env bash
# local-attention 1.11.2: a LocalTransformer with rotary positions (the default) generates another text with its cache of
# keys and values than without.
#
# One would guess: the cache saves time. Greedy generation gives the same tokens with it and without, and a step with the
#   cache gives what the window gives.
# What happens: from the third step on logits differ, by some hundredths of the largest. A step rotates all keys of the
#   cache by their positions and hands them back rotated, so the next one rotates them again. Without rotary positions,
#   with use_dynamic_pos_bias=True, steps and window are equal.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 local-attention==1.11.2 numpy
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import torch
from local_attention import LocalTransformer

print("local-attention", version("local-attention"), "torch", torch.__version__)
SIZES = {"num_tokens": 64, "max_seq_len": 64, "dim": 32, "depth": 2, "dim_head": 16, "heads": 2}
tokens = torch.randint(64, (16, 40), generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def seen(**positions):
    """How far the logits of each step are from the window's, and how many of 16 greedy texts the cache leaves as they are."""
    torch.manual_seed(0)
    net = LocalTransformer(local_attn_window_size=8, **SIZES, **positions).eval()
    window, cache, steps = net(tokens), None, []
    for count in range(1, 41):
        logits, cache = net(tokens[:, :count], cache=cache, return_cache=True)
        steps.append(logits[:, -1:])
    apart = (torch.cat(steps, 1) - window).abs().amax((0, 2)) / window.abs().max()
    texts = [net.generate(tokens[:, :5], 30, temperature=0.0, use_kv_cache=use) for use in (False, True)]
    return apart, int((texts[0] == texts[1]).all(1).sum())


for name, positions in {"rotary positions": {}, "dynamic position bias": {"use_dynamic_pos_bias": True}}.items():
    apart, same = seen(**positions)
    print(f"{name}: steps 1 and 2 apart by {apart[:2].max():.0e}, all by {apart.max():.0e}; {same} of 16 greedy texts alike")
    if positions:
        assert apart.max() < 1e-5 and same == 16
    else:
        assert apart[:2].max() < 1e-5 and apart.max() > 0.02, "steps and window are equal now"
        assert same < 16, "generation is the same with the cache and without now"
print("as described")
PYTHON
