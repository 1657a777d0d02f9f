#!/usr/bin/env bash
# torch 2.15.0 (the CUDA build) with Lightning 2.6.6, on a machine without an NVIDIA driver: every step of Adam on the CPU
# tries to load the driver's library.
#
# One would guess: whether there is a GPU is found out once; a training on the CPU does not ask.
# What happens: importing Lightning sets PYTORCH_NVML_BASED_CUDA_CHECK=1. Adam asks at each step whether an accelerator
#   records a graph, which asks whether there is one, which under that variable opens libnvidia-ml.so.1 anew: a call of
#   dlopen a step, 0.1 ms, a fifth of the step of a small recurrent model. Without Lightning there is none.
set -euo pipefail
if ldconfig -p 2>/dev/null | grep -q libnvidia-ml.so.1; then
    echo "skipped: this machine has the driver's library"
    exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.15.0 lightning==2.6.6 numpy
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import subprocess
import sys

COUNT = """
import ctypes
import torch
weight = torch.nn.Parameter(torch.zeros(2))
optimizer = torch.optim.Adam([weight])
weight.grad = torch.ones(2)
optimizer.step()
opened = []
init = ctypes.CDLL.__init__
ctypes.CDLL.__init__ = lambda self, name, *rest, **named: (opened.append(name), init(self, name, *rest, **named))[1]
for _ in range(100):
    optimizer.step()
print(sum("nvidia-ml" in str(name) for name in opened))
"""


def opened(before):
    return int(subprocess.run([sys.executable, "-c", before + COUNT], capture_output=True, text=True, check=True).stdout)


alone, beside = opened(""), opened("import lightning.pytorch\n")
print(f"100 steps of Adam on the CPU open libnvidia-ml {alone} times, with Lightning imported {beside} times")
assert alone == 0 and beside >= 100
PYTHON
