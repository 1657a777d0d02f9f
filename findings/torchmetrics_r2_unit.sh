#!/usr/bin/env bash
# torchmetrics 1.9.0: R2Score depends on the unit of the target.
#
# One would guess: R² has no unit. Predictions and targets in pascal give the R² that the same ones give in bar.
# What happens: residuals whose squares sum to less than 1e-4 count as none, so a model worse than the mean (R² -0.90)
#   scores a perfect 1.0 once its targets are written as 1e-4 of themselves. Far from zero the sums of float32 leave
#   another number again: -1.23 for the same predictions at 101325 + 50 x.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 torchmetrics==1.9.0 numpy
"$folder/venv/bin/python" - <<'PYTHON'
import torch
import torchmetrics
from torchmetrics.regression import R2Score

print("torchmetrics", torchmetrics.__version__, "torch", torch.__version__)
generator = torch.Generator().manual_seed(0)
target, prediction = torch.randn(2, 1000, generator=generator, dtype=torch.float64)


def plain(prediction, target):
    return float(1 - (target - prediction).square().sum() / (target - target.mean()).square().sum())


def measured(scale, offset):
    pair = [(offset + scale * values).float() for values in (prediction, target)]
    return float(R2Score()(*pair)), plain(*(values.double() for values in pair))


found = {unit: measured(*unit) for unit in ((1.0, 0.0), (1e-4, 0.0), (1e-6, 0.0), (50.0, 101325.0))}
for (scale, offset), (theirs, true) in found.items():
    print(f"target {offset:g} + {scale:g} x: R2Score {theirs:.4f}, the formula in double precision {true:.4f}")

assert all(true < -0.9 for _, true in found.values())
assert abs(found[1.0, 0.0][0] - found[1.0, 0.0][1]) < 1e-3
assert found[1e-4, 0.0][0] == found[1e-6, 0.0][0] == 1.0, "small units are no perfect score any more"
assert abs(found[50.0, 101325.0][0] - found[50.0, 101325.0][1]) > 0.01, "an offset makes no difference any more"
print("as described")
PYTHON
