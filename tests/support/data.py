"""Data sources as a trainer would have them, and what their batches have in common."""

from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

Batch = Sequence[Tensor]


def sharing(data: Any, rank: int = 0, ranks: int = 1, epoch: int = 0) -> Any:
    """The source as one process of several has it, in some epoch."""
    strategy = SimpleNamespace(root_device=torch.device("cpu"))
    data.trainer = SimpleNamespace(
        global_rank=rank, world_size=ranks, current_epoch=epoch, training=True, strategy=strategy,
        _accelerator_connector=SimpleNamespace(use_distributed_sampler=False),
    )  # fmt: skip
    return data


def same(a: Batch, b: Batch) -> bool:
    """Bit for bit; a missing number equals a missing one."""
    return len(a) == len(b) and all(
        x.shape == y.shape and x.dtype == y.dtype and torch.equal(x.nan_to_num(7e7), y.nan_to_num(7e7))
        for x, y in zip(a, b, strict=True)
    )


def all_same(found: Iterable[Batch], expected: Iterable[Batch]) -> bool:
    """So many batches, each the same."""
    found, expected = list(found), list(expected)
    return len(found) == len(expected) > 0 and all(same(a, b) for a, b in zip(found, expected, strict=True))


def joined(parts: Sequence[Batch]) -> list[Tensor]:
    """Batches as one, row under row; shorter rows are padded with their last step, as `RaggedRows` does, and labels of
    steps with 0.
    """
    return [torch.cat(_equally_long(tensors)) for tensors in zip(*parts, strict=True)]


def _equally_long(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
    if tensors[0].dim() < 2:
        return tensors
    longest = max(tensor.shape[1] for tensor in tensors)
    if tensors[0].dim() == 2:
        return [pad(tensor, (0, longest - tensor.shape[1])) for tensor in tensors]
    filled = [pad(tensor, (0, 0, 0, longest - tensor.shape[1])) for tensor in tensors]
    for tensor, own in zip(filled, tensors, strict=True):
        tensor[:, own.shape[1] :] = own[:, -1:]
    return filled


def rows(batches: Iterable[Batch]) -> list[bytes]:
    """The sequences of all batches without their padding, sorted, each as its bytes."""
    return sorted(row.numpy().tobytes() for batch in batches for row in _unpadded(*batch))


def _unpadded(x: Tensor, labels: Tensor, *rest: Tensor) -> list[Tensor]:
    has_lengths = len(rest) == 1 and rest[0].dim() == 1
    return [row[:length] for row, length in zip(x, rest[0], strict=True)] if has_lengths else list(x)
