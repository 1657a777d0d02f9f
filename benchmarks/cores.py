"""What each core costs: parameters, training steps a second, memory, and the time of one streaming step.

python benchmarks/cores.py
python benchmarks/cores.py --device cuda --batch 64 --cores s4d lru

Every core of conf/core/ at its own width and depth (`--words` changes them), every length in a process of its own,
round by round. Trained on noise (B, T, 1): forward, backward and AdamW.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import torch
from hydra.utils import instantiate
from torch import Tensor

from seqmodels.cores.base import Core
from seqmodels.runs.run import compose

MARK = "MEASURED "
CORES = [
    "rnn",
    "lstm",
    "gru",
    "irnn",
    "indrnn",
    "slstm",
    "cfc",
    "min_gru",
    "min_lstm",
    "rg_lru",
    "lru",
    "s4d",
    "s5",
    "lin_oss",
    "mamba",
    "mamba2",
    "mamba3",
    "gated_delta_net",
    "delta_product",
    "mlstm",
    "pd_ssm",
    "tcn",
    "attention",
]
SECONDS = 3.0
STEPS = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cores", nargs="+", default=CORES)
    parser.add_argument("--lengths", nargs="+", type=int, default=[28, 784, 4096])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--words", nargs="*", default=[], help="further words of the config")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.one:
        torch.set_num_threads(words.threads)
        core = core_of(words.one, words.words).to(words.device)
        one = step(core, words) if words.lengths == [1] else training(core, words.lengths[0], words)
        print(MARK + json.dumps(one | {"parameters": sum(p.numel() for p in core.parameters() if p.requires_grad)}))
        return
    found: dict[tuple[str, int], list[dict[str, float]]] = {}
    for round_ in range(words.rounds):
        for name in words.cores:
            for length in (1, *words.lengths):
                found.setdefault((name, length), []).append(in_a_process(name, length, words))
                print(f"round {round_ + 1}: {name} {length} {found[name, length][-1]}", file=sys.stderr, flush=True)
    table(words.cores, words.lengths, found)


def core_of(name: str, words: Sequence[str]) -> Core:
    torch.manual_seed(0)
    return instantiate(compose([f"core={name}", *words]).core)(input_size=1)


def in_a_process(core: str, length: int, words: argparse.Namespace) -> dict[str, float]:
    own = ["--one", core, "--lengths", str(length), "--batch", str(words.batch), "--threads", str(words.threads)]
    command = [
        sys.executable,
        __file__,
        *own,
        "--device",
        words.device,
        *(["--words", *words.words] if words.words else []),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    if done.returncode or not lines:
        raise RuntimeError(f"{core} at {length} steps failed:\n{done.stdout}\n{done.stderr}")
    found: dict[str, float] = json.loads(lines[-1].removeprefix(MARK))
    return found


def training(core: Core, length: int, words: argparse.Namespace) -> dict[str, float]:
    """Steps of all rows a second, and MiB at the peak above what the process held before the first step."""
    optimizer = torch.optim.AdamW(core.parameters(), fused=True)
    x = torch.randn(words.batch, length, 1, device=words.device)

    def update() -> None:
        y, _ = core(x)
        y.square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()

    before = memory(words.device)
    update()
    seconds = timed(update, words.device)
    return {"rate": words.batch * length / seconds, "memory": memory(words.device) - before}


@torch.inference_mode()
def step(core: Core, words: argparse.Namespace) -> dict[str, float]:
    """Microseconds of one step of one stream, the state fed back."""
    core.eval()
    x, state = torch.randn(1, 1, 1, device=words.device), core.initial_state(1, torch.device(words.device))

    def forward() -> Tensor:
        nonlocal state
        y, state = core(x, state)
        return y

    for _ in range(STEPS // 10):
        forward()
    return {"latency": timed(forward, words.device, at_least=STEPS) * 1e6}


def timed(call: Callable[[], object], device: str, at_least: int = 3) -> float:
    """Median seconds of a call, over `at_least` calls and `SECONDS` seconds."""
    seconds: list[float] = []
    while len(seconds) < at_least or sum(seconds) < SECONDS:
        synchronize(device)
        started = time.perf_counter()
        call()
        synchronize(device)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def synchronize(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def memory(device: str) -> float:
    """MiB, the most so far."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def table(cores: Sequence[str], lengths: Sequence[int], found: dict[tuple[str, int], list[dict[str, float]]]) -> None:
    def median(core: str, length: int, what: str) -> float:
        return statistics.median(one[what] for one in found[core, length])

    rates = " | ".join(f"thousand steps/s, T = {length:,}" for length in lengths)
    memories = " | ".join(f"MiB, T = {length:,}" for length in lengths)
    print(f"| core | parameters | {rates} | {memories} | streaming step (µs) |")
    print("|---" * (3 + 2 * len(lengths)) + "|")
    for core in cores:
        cells = [core, f"{found[core, 1][0]['parameters']:,.0f}"]
        cells += [f"{median(core, length, 'rate') / 1000:,.0f}" for length in lengths]
        cells += [f"{median(core, length, 'memory'):,.0f}" for length in lengths]
        cells.append(f"{median(core, 1, 'latency'):,.0f}")
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
