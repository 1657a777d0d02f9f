"""The scans over matrix states, forward and backward: in chunks of several lengths, and as a loop over their steps.

python benchmarks/matrix_scan.py --rounds 5
python benchmarks/matrix_scan.py --device cuda --chunks 16 32 64 128

In milliseconds of the process, alternately; B, T, H, K, V as in `seqmodels.cores.matrix_scan`.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from seqmodels.cores import matrix_chunks
from seqmodels.cores.matrix_scan import decay_scan, delta_scan

SIZES = [(16, 28, 4, 16, 32), (16, 784, 4, 16, 32), (16, 784, 4, 32, 64), (1, 4096, 4, 16, 32)]
Scan = Callable[..., tuple[Tensor, Tensor]]


def loop(scan: Scan, inputs: list[Tensor]) -> tuple[Tensor, Tensor]:
    """The same scan, called once a step."""
    *steps, state = inputs
    outputs = []
    for t in range(steps[0].shape[1]):
        y, state = scan(*(one[:, t : t + 1] for one in steps), state)
        outputs.append(y)
    return torch.cat(outputs, 1), state


def chunked(length: int, scan: Scan, inputs: list[Tensor]) -> tuple[Tensor, Tensor]:
    matrix_chunks.CHUNK = {inputs[0].device.type: length}
    return scan(*inputs)


def milliseconds(
    read: Callable[[Scan, list[Tensor]], tuple[Tensor, Tensor]], scan: Scan, inputs: list[Tensor]
) -> float:
    synchronize(inputs[0])
    started = time.perf_counter() if inputs[0].is_cuda else time.process_time()
    y, state = read(scan, inputs)
    torch.autograd.grad(y.sum() + state.sum(), inputs)
    synchronize(inputs[0])
    return 1000 * ((time.perf_counter() if inputs[0].is_cuda else time.process_time()) - started)


def synchronize(tensor: Tensor) -> None:
    if tensor.is_cuda:
        torch.cuda.synchronize()


def made(b: int, t: int, h: int, k: int, v: int, device: str) -> list[Tensor]:
    """q, k, v, beta, log_decay, state."""
    tensors = [torch.randn(b, t, h, k), F.normalize(torch.randn(b, t, h, k), dim=-1), torch.randn(b, t, h, v)]
    tensors += [2 * torch.rand(b, t, h), -torch.rand(b, t, h), torch.randn(b, h, k, v)]
    return [tensor.to(device).requires_grad_() for tensor in tensors]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--chunks", nargs="+", type=int, default=[8, 16, 32, 64])
    words = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    variants = {f"{length}": partial(chunked, length) for length in words.chunks} | {"loop": loop}
    print(f"| scan | B, T, H, K, V | {' | '.join(variants)} |\n|" + "---|" * (2 + len(variants)))
    for size in SIZES:
        every = made(*size, words.device)
        for scan, inputs in ((delta_scan, every), (decay_scan, every[:3] + every[4:])):
            found: dict[str, list[float]] = {name: [] for name in variants}
            for round_ in range(words.rounds + 1):
                for name, read in variants.items():
                    took = milliseconds(read, scan, inputs)
                    if round_:  # the first warms up
                        found[name].append(took)
            cells = " | ".join(f"{statistics.median(values):.3g}" for values in found.values())
            print(f"| {scan.__name__} | {', '.join(map(str, size))} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
