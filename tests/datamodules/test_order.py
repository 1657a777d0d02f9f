"""What loaders do where rows cannot be shared equally, and on another device; the rest are laws of every source."""

from functools import partial

import pytest
import torch

from seqmodels.datamodules.loaders import TensorRows
from seqmodels.datamodules.order import InOrder, OrderedBatches, Passes, ShuffledBatches, epoch_seed
from seqmodels.datamodules.window import rank_rows


@pytest.mark.parametrize(("rows", "batch", "ranks"), [(100, 10, 2), (103, 10, 2), (1000, 64, 4), (7, 4, 4)])
def test_ranks_share_each_training_batch(rows: int, batch: int, ranks: int) -> None:
    whole = list(ShuffledBatches(rows, batch, seed=3))
    shares = [list(ShuffledBatches(rows, batch, 3, rank, ranks)) for rank in range(ranks)]
    assert len({len(share) for share in shares}) == 1
    assert len({tuple(len(b) for b in share) for share in shares}) == 1
    together = [torch.cat(parts) for parts in zip(*shares, strict=True)]
    assert torch.equal(torch.cat(together), torch.cat(whole)[: rows // ranks * ranks])
    assert len(ShuffledBatches(rows, batch, 3, 0, ranks)) == len(shares[0])


@pytest.mark.parametrize(("rows", "batch", "ranks"), [(2000, 2000, 1), (10000, 1000, 2), (103, 10, 4), (41, 10, 3)])
def test_evaluation_reads_every_row_once(rows: int, batch: int, ranks: int) -> None:
    shares = [list(OrderedBatches(rows, batch, rank, ranks)) for rank in range(ranks)]
    assert len({len(share) for share in shares}) == 1
    assert all(0 < len(part) <= batch for share in shares for part in share)
    assert sorted(torch.cat([torch.cat(share) for share in shares]).tolist()) == list(range(rows))


def test_rows_and_indices_go_to_the_device_once() -> None:
    """`meta` stands for a device that is not the CPU; the order is that of the CPU."""
    rows, meta = TensorRows(torch.arange(12)[:, None], torch.arange(12)), torch.device("meta")
    assert rows.to(rows.device).x.data_ptr() == rows.x.data_ptr()
    moved = rows.to(meta)
    assert (moved.device, moved.y.device) == (meta, meta)
    for sampler in (partial(ShuffledBatches, 12, 5, 1), partial(OrderedBatches, 12, 5)):
        assert {batch.device for batch in sampler(device=meta)} == {meta}
        assert [len(batch) for batch in sampler(device=meta)] == [len(batch) for batch in sampler()]
    assert [x.device for x in moved.__getitems__(next(iter(OrderedBatches(12, 5, device=meta))))] == [meta, meta]


def test_a_pass_that_was_asked_for_and_not_read_is_no_epoch() -> None:
    """Lightning asks a loader for an iterator more often than an epoch begins."""
    for order in (InOrder(5, Passes((3, 2))), ShuffledBatches(5, 1, 0, passes=Passes((3, 2)))):
        iter(order)
        assert [len(list(order)) for _ in range(3)] == [3, 5, 5]


def test_the_seeds_of_epochs_stay_what_they_are() -> None:
    """A run that is resumed with a later version reads its rows in the order that it began with."""
    assert [epoch_seed(1, epoch) for epoch in (0, 1)] == [1623429347705865049, 2174591298215822658]
    assert epoch_seed(2**63, 1) == 1154423728773467375


def test_streams_that_cannot_be_shared_equally() -> None:
    assert [rank_rows(6, rank, 3) for rank in range(3)] == [slice(0, 2), slice(2, 4), slice(4, 6)]
    with pytest.raises(
        ValueError,
        match=r"^num_streams=6 .* cannot be shared by 4 processes; .*, such as datamodule.num_streams=8",
    ):
        rank_rows(6, 0, 4)
    with pytest.raises(TypeError, match="never end"):
        len(InOrder(None))
