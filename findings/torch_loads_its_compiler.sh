#!/usr/bin/env bash
# torch 2.13.0: the first optimiser, and use_deterministic_algorithms(False), load torch's compiler.
#
# One would guess: a script that never calls torch.compile never loads torch._dynamo, torch._inductor or sympy; and
#   switching off what is off already does nothing.
# What happens: the first optimiser that is made imports torch._dynamo, which brings more than 1,000 modules, sympy among
#   them. use_deterministic_algorithms(False) imports torch._inductor, to write the same False into its config. Together
#   that is about as long as `import torch` itself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import subprocess
import sys

LOOK = "import sys; print(' '.join(name for name in ('torch._dynamo', 'torch._inductor', 'sympy') if name in sys.modules))"


def loaded(code):
    done = subprocess.run([sys.executable, "-c", f"{code}\n{LOOK}"], capture_output=True, text=True, check=True)
    return done.stdout.split()


plain = "import torch; weight = torch.nn.Parameter(torch.zeros(2)); (weight**2).sum().backward()"
seen = {
    "a backward pass": loaded(plain),
    "an optimiser": loaded(f"{plain}; torch.optim.SGD([weight], lr=0.1)"),
    "use_deterministic_algorithms(False)": loaded(f"{plain}; torch.use_deterministic_algorithms(False)"),
}
for what, modules in seen.items():
    print(f"{what} loads: {', '.join(modules) or 'none of them'}")
assert seen["a backward pass"] == []
assert {"torch._dynamo", "sympy"} <= set(seen["an optimiser"])
assert "torch._inductor" in seen["use_deterministic_algorithms(False)"]
PYTHON
