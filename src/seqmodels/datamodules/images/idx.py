"""The idx format of MNIST's files, from the page of LeCun, Cortes & Burges; unsigned bytes only.

    4 bytes        4 bytes each, big-endian                             one byte each
    0  0  8  d  |  size of dimension 1  ...  size of dimension d  |  the values, last dimension fastest

The 8 is the code of the type, d the number of dimensions.
"""

import math
import struct
from pathlib import Path

import numpy as np
import torch
from torch import Tensor


def idx_sizes(path: Path, dimensions: int) -> tuple[int, ...]:
    """The sizes that the header names, checked against the length of the file.

    Raises:
        ValueError: it is no idx file of so many dimensions, or is not as long as it says.
    """
    start = 4 + 4 * dimensions
    with path.open("rb") as file:
        header = file.read(start)
    if len(header) < start or header[:4] != bytes((0, 0, 8, dimensions)):
        raise ValueError(
            f"{path} is not an idx file of unsigned bytes in {dimensions} dimensions: it begins with "
            f"{header[:4].hex(' ') or 'nothing'}, expected 00 00 08 {dimensions:02}; delete it to download it again"
        )
    sizes = struct.unpack(f">{dimensions}I", header[4:])
    expected, found = start + math.prod(sizes), path.stat().st_size
    if found != expected:
        raise ValueError(
            f"{path} is corrupt or truncated: {found:,} bytes, expected {expected:,} as its header says; delete it to "
            f"download it again"
        )
    return sizes


def read_idx(path: Path, dimensions: int) -> Tensor:
    """The contents, uint8, of the sizes that the header names.

    Raises:
        ValueError: as `idx_sizes`.
    """
    sizes = idx_sizes(path, dimensions)
    return torch.from_numpy(np.fromfile(path, np.uint8, offset=4 + 4 * dimensions).reshape(sizes))
