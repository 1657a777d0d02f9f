"""The scan of h_t = a_t h_{t-1} + b_t, forward and backward: ours, torch's prototype, and a loop that autograd records.

python benchmarks/scan.py --rounds 5
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch._higher_order_ops.associative_scan import associative_scan

from seqmodels.cores.scan import linear_scan

SIZES = [(1, 784, 64), (16, 784, 64), (64, 784, 64), (1, 4096, 64), (16, 4096, 64)]


def recorded_loop(a: Tensor, b: Tensor, h0: Tensor) -> Tensor:
    states = [h0]
    for a_t, b_t in zip(a.unbind(1), b.unbind(1), strict=True):
        states.append(torch.addcmul(b_t, a_t, states[-1]))
    return torch.stack(states[1:], 1)


def prototype(a: Tensor, b: Tensor, h0: Tensor) -> Tensor:
    """torch's `associative_scan` in its `generic` mode; the carried state enters with the first step."""

    def join(left: tuple[Tensor, Tensor], right: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return right[0] * left[0], torch.addcmul(right[1], right[0], left[1])

    first = torch.addcmul(b[:, :1], a[:, :1], h0[:, None])
    _, h = associative_scan(join, (a, torch.cat([first, b[:, 1:]], 1)), dim=1, combine_mode="generic")
    return h


def seconds(scan: Callable[..., Tensor], inputs: tuple[Tensor, ...]) -> float:
    started = time.perf_counter()
    h = scan(*inputs)
    torch.autograd.grad((torch.view_as_real(h) if h.is_complex() else h).sum(), inputs)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    words = parser.parse_args()
    torch.set_num_threads(1)
    variants: dict[str, Callable[..., Tensor]] = {
        "ours": linear_scan,
        "associative_scan": prototype,
        "recorded loop": recorded_loop,
    }
    print(f"| B, T, H | dtype | {' | '.join(f'{name} (ms)' for name in variants)} |\n|" + "---|" * (2 + len(variants)))
    for size in SIZES:
        for dtype in (torch.float32, torch.complex64):
            batch, _, width = size
            a = (0.9 * torch.rand(size, dtype=dtype)).requires_grad_()
            b, h0 = (torch.randn(*shape, dtype=dtype, requires_grad=True) for shape in (size, (batch, width)))
            found: dict[str, list[float]] = {name: [] for name in variants}
            for round_ in range(words.rounds + 1):
                for name, call in variants.items():
                    took = seconds(call, (a, b, h0))
                    if round_:  # the first warms up
                        found[name].append(took)
            cells = " | ".join(f"{1000 * statistics.median(values):.3g}" for values in found.values())
            print(f"| {', '.join(map(str, size))} | {str(dtype).removeprefix('torch.')} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
