# /// script
# dependencies = ["accelerated-scan==0.3.1", "torch==2.13.0", "numpy"]
# ///
"""accelerated-scan: its reference scan, the part that runs on a CPU."""

from collections.abc import Iterator

import torch
from accelerated_scan.ref import scan
from laws import Layer, report
from torch import Tensor


def window(x: Tensor) -> Tensor:
    gates, tokens = x.sigmoid().transpose(1, 2).contiguous(), x.transpose(1, 2).contiguous()
    return scan(gates, tokens).transpose(1, 2)


def layers() -> Iterator[Layer]:
    yield Layer("ref.scan", 4, None, None, whole=window, dtype=torch.float64, remark="It takes no state to start from.")


if __name__ == "__main__":
    report(layers())
