#!/usr/bin/env bash
# x-transformers 2.31.10: a Decoder with attn_orthog_projected_values=True sees steps that are still to come.
#
# One would guess: a Decoder is causal, whatever its options: what comes later leaves earlier outputs as they were.
# What happens: this option removes from what attention gives the part along the step's own values. The projection is
#   taken over all steps of a row as one long vector, so its length and its product depend on the whole row, and every
#   output changes with inputs behind it: in training a step is told of the ones that it is to predict. The same holds for
#   attn_orthog_projected_values_per_head=True. Without the option earlier outputs keep their bits.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 x-transformers==2.31.10 numpy
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import torch
from x_transformers import Decoder

print("x-transformers", version("x-transformers"), "torch", torch.__version__)
generator = torch.Generator().manual_seed(0)
x, other = torch.randn(2, 1, 20, 32, generator=generator)
other[:, :10] = x[:, :10]


@torch.no_grad()
def earlier_outputs_change(**options):
    """By how much of the largest output, when steps 11 to 20 are others."""
    torch.manual_seed(0)
    net = Decoder(dim=32, depth=2, heads=4, attn_dim_head=8, **options).eval()
    return float((net(other) - net(x))[:, :10].abs().max() / net(x).abs().max())


plain = earlier_outputs_change()
print(f"Decoder: steps 1 to 10 change by {plain:.0e} with steps 11 to 20")
assert plain == 0
for option in ("attn_orthog_projected_values", "attn_orthog_projected_values_per_head"):
    change = earlier_outputs_change(**{option: True})
    print(f"{option}: by {change:.0e}")
    assert change > 1e-3, "earlier outputs do not depend on later inputs any more"
print("as described")
PYTHON
