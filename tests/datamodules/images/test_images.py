"""Images as sequences: views, permutations, splits, order, ranks, workers, statistics, grey and in colour.

On the bundled digits, on small files in CIFAR-10's format, and on the real MNIST.
"""

import itertools
import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from seqmodels.datamodules.images.digits import DigitsSequence
from seqmodels.datamodules.images.mnist import MNISTSequence
from seqmodels.datamodules.images.torchvision_sets import TorchvisionSequence
from seqmodels.datamodules.images.views import as_images, as_sequence, pixel_order, random_shift, steps_and_width
from seqmodels.datamodules.loaders import OrderedBatches, ShuffledBatches, TensorRows, batch_loader
from tests.support.image_sets import photographs, write_cifar10


def digits(**options: object) -> DigitsSequence:
    data = DigitsSequence(**options)
    data.setup()
    return data


def ids(data: DigitsSequence, part: str) -> list[bytes]:
    return [row.numpy().tobytes() for row in data._parts[part].x]


def test_views() -> None:
    image = torch.arange(6).view(1, 2, 3)
    assert as_sequence(image, "rows").tolist() == [[[0, 1, 2], [3, 4, 5]]]
    assert as_sequence(image, "columns").tolist() == [[[0, 3], [1, 4], [2, 5]]]
    assert as_sequence(image, "pixels").tolist() == [[[0], [1], [2], [3], [4], [5]]]


def test_views_in_colour() -> None:
    """A pixel's values stand side by side: those of row r and column c are 10 r + c and its hundreds."""
    image = torch.tensor([[[100 * k + 10 * r + c for k in range(3)] for c in range(2)] for r in range(2)])[None]
    assert as_sequence(image, "rows").tolist() == [[[0, 100, 200, 1, 101, 201], [10, 110, 210, 11, 111, 211]]]
    assert as_sequence(image, "columns").tolist() == [[[0, 100, 200, 10, 110, 210], [1, 101, 201, 11, 111, 211]]]
    assert as_sequence(image, "pixels").tolist() == [[[0, 100, 200], [1, 101, 201], [10, 110, 210], [11, 111, 211]]]
    order = pixel_order("bit_reversal", 4, 0)
    permuted = as_sequence(image, "pixels", order)
    assert permuted.tolist() == [[[0, 100, 200], [10, 110, 210], [1, 101, 201], [11, 111, 211]]]


@pytest.mark.parametrize("view", ["rows", "columns", "pixels"])
@pytest.mark.parametrize("permutation", [None, "bit_reversal", "random"])
@pytest.mark.parametrize("shape", [(5, 6), (6, 5, 1), (5, 6, 3)])
def test_sequences_hold_every_pixel_and_go_back_to_images(
    view: str, permutation: str | None, shape: tuple[int, ...]
) -> None:
    images = torch.arange(2 * math.prod(shape)).view(2, *shape)
    order = pixel_order(permutation, 30, 1) if permutation else None
    x = as_sequence(images, view, order)
    assert x.shape[1:] == steps_and_width(view, shape)
    assert torch.equal(as_images(x, view, shape, order), images)
    assert order is None or not torch.equal(x, as_sequence(images, view))


def test_bit_reversal() -> None:
    assert pixel_order("bit_reversal", 8, 0).index.tolist() == [0, 4, 2, 6, 1, 5, 3, 7]
    assert pixel_order("bit_reversal", 6, 0).index.tolist() == [0, 4, 2, 1, 5, 3]
    for pixels in (784, 1024):
        assert sorted(pixel_order("bit_reversal", pixels, 0).index.tolist()) == list(range(pixels))


def test_random_permutation_is_the_literatures_and_named() -> None:
    order = pixel_order("random", 784, 92916)
    assert order.index.tolist() == np.random.RandomState(92916).permutation(784).tolist()
    assert order.name == "random-92916"
    assert order.sha256 == "96240fe27409981c"
    assert order.sha256 != pixel_order("random", 784, 1).sha256


def test_shift_moves_each_image_by_itself() -> None:
    torch.manual_seed(0)
    images = torch.zeros(500, 7, 9, dtype=torch.uint8)
    images[:, 3, 4] = 200
    moved = random_shift(images, 2)
    places = {tuple(place) for place in moved.nonzero()[:, 1:].tolist()}
    assert moved.dtype == torch.uint8
    assert moved.flatten(1).sum(1).tolist() == [200] * 500
    assert places == set(itertools.product(range(1, 6), range(2, 7)))


def test_shift_moves_colours_together() -> None:
    images = torch.randint(0, 256, (20, 6, 5, 3), dtype=torch.uint8)
    torch.manual_seed(1)
    moved = random_shift(images, 2)
    for channel in range(3):
        torch.manual_seed(1)
        assert torch.equal(moved[..., channel], random_shift(images[..., channel], 2))


def test_parts_do_not_overlap_and_hold_everything() -> None:
    data = digits(val_size=100)
    parts = [ids(data, part) for part in ("train", "val", "test")]
    assert [len(part) for part in parts] == [1337, 100, 360]
    everything = list(itertools.chain(*parts))
    assert len(set(everything)) == len(set(parts[0])) + len(set(parts[1])) + len(set(parts[2]))


def test_the_split_depends_on_its_own_seed() -> None:
    assert ids(digits(seed=1), "val") == ids(digits(seed=2), "val")
    assert ids(digits(), "val") != ids(digits(split_seed=1), "val")


def test_batches() -> None:
    data = digits(batch_size=64, view="columns", normalize=True)
    loader = data.train_dataloader()
    batches = [data.on_after_batch_transfer(batch, 0) for batch in loader]
    assert len(batches) == len(loader) == 20
    assert [len(y) for _, y in batches] == [64] * 19 + [41]
    x = batches[0][0]
    assert x.shape == (64, 8, 8)
    assert x.dtype == torch.float32
    assert 0 <= x.min() < x.max() <= 1
    pixels = data._parts["train"].x.double() / 255
    assert data.input_stats == pytest.approx((pixels.mean().item(), pixels.std(correction=0).item()), rel=1e-9)
    assert sorted(torch.cat([y for _, y in batches]).tolist()) == sorted(data._parts["train"].y.tolist())


def cifar10(**options: object) -> TorchvisionSequence:
    data = TorchvisionSequence("cifar10", val_size=20, **options)
    data.prepare_data()
    data.setup()
    return data


@pytest.fixture
def cifar10_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    write_cifar10(tmp_path, monkeypatch)
    return str(tmp_path)


def test_images_in_colour_are_those_in_the_files(cifar10_root: str) -> None:
    data = cifar10(root=cifar10_root, view="pixels")
    images, labels = photographs(20)  # the test batch
    assert data._parts["test"].x.is_contiguous()
    assert data._parts["test"].x.dtype == torch.uint8
    np.testing.assert_array_equal(data._parts["test"].x.numpy(), images)
    x, y = data.on_after_batch_transfer(next(iter(data.test_dataloader()[0])), 0)
    np.testing.assert_allclose(x.numpy(), images.reshape(20, 1024, 3) / 255, rtol=1e-6)
    assert y.tolist() == labels.tolist()
    assert y.dtype == torch.int64
    assert {part: len(rows) for part, rows in data._parts.items()} == {"train": 80, "val": 20, "test": 20}
    assert data.class_names[:2] == ["airplane", "automobile"]
    assert data.summary() == "cifar10: 80 train, 20 val, 20 test; pixels, 1024 steps of 3"


@pytest.mark.parametrize(("view", "width"), [("rows", 96), ("columns", 96), ("pixels", 3)])
def test_each_channel_has_its_own_statistics(cifar10_root: str, view: str, width: int) -> None:
    data = cifar10(root=cifar10_root, view=view, normalize=True)
    assert data.input_size == width
    mean, std = (torch.tensor(values, dtype=torch.float64) for values in data.input_stats)
    pixels = data._parts["train"].x.double() / 255
    x = (data.sequences(data._parts["train"].x).double() - mean) / std
    back = data.images(x)
    np.testing.assert_allclose(back.mean((0, 1, 2)), np.zeros(3), atol=1e-7)
    np.testing.assert_allclose(back.std((0, 1, 2), correction=0), np.ones(3), rtol=1e-6)
    np.testing.assert_allclose(mean[:3], pixels.mean((0, 1, 2)), rtol=1e-9)


def test_workers_do_not_change_the_batches() -> None:
    def two_epochs(workers: int) -> list[torch.Tensor]:
        loader = digits(num_workers=workers, batch_size=200).train_dataloader()
        return [x for _ in range(2) for x, _ in loader]

    alone, helped = two_epochs(0), two_epochs(2)
    assert all(torch.equal(a, b) for a, b in zip(alone, helped, strict=True))
    assert not torch.equal(alone[0], alone[len(alone) // 2])


def test_making_an_iterator_leaves_the_global_generator_alone() -> None:
    data = digits()
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    for loader in (data.train_dataloader(), *data.val_dataloader(), *data.test_dataloader()):
        next(iter(loader))
    assert torch.equal(torch.rand(3), expected)


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


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_epoch_holds_the_rows_that_were_left(ranks: int, workers: int) -> None:
    """And the epoch after it all rows again, whoever asks how often for an iterator."""
    rows, batch, epoch = 60, 12, 4
    data = TensorRows(torch.arange(rows), torch.arange(rows))
    seen = []
    for rank in range(ranks):
        now = [epoch]
        sampler = ShuffledBatches(rows, batch, 3, rank, ranks, epoch=lambda now=now: now[0], start=(epoch, 2))
        loader = batch_loader(data, sampler, workers)
        iter(loader)
        rest = [x for x, _ in loader]
        now[0] += 1
        seen.append((torch.cat(rest), torch.cat([x for x, _ in loader])))
        assert len(loader) == 5
    started = torch.cat([*ShuffledBatches(rows, batch, 3, epoch=lambda: epoch)][:2])
    rest, following = (torch.cat(parts) for parts in zip(*seen, strict=True))
    assert torch.equal(torch.cat([started, rest]).sort().values, torch.arange(rows))
    assert torch.equal(following.sort().values, torch.arange(rows))


def test_order_depends_on_seed_and_epoch() -> None:
    a, b = ShuffledBatches(50, 7, seed=1), ShuffledBatches(50, 7, seed=1)
    first, second = torch.cat(list(a)), torch.cat(list(a))
    assert torch.equal(first, torch.cat(list(b)))
    assert not torch.equal(first, second)
    assert not torch.equal(first, torch.cat(list(ShuffledBatches(50, 7, seed=2))))


def test_overfit_batches_come_again() -> None:
    loader = digits(overfit_batches=2, batch_size=32).train_dataloader()
    first, second = list(loader), list(loader)
    assert len(first) == len(loader) == 2
    assert all(torch.equal(a[0], b[0]) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"view": "row"}, "view='row' is not a view; choose rows, columns or pixels"),
        ({"permutation": "bits"}, "permutation='bits' is not known"),
        ({"batch_size": 0}, "batch_size=0 is too small"),
        ({"val_size": -1}, "val_size=-1 is too small"),
        ({"val_size": 1437}, "val_size=1437 leaves nothing to train on: digits has 1437"),
    ],
)
def test_wrong_arguments_are_named(wrong: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        digits(**wrong)


@pytest.mark.mnist
def test_mnist_is_whole(mnist_root: Path) -> None:
    data = MNISTSequence(root=str(mnist_root), normalize=True)
    data.prepare_data()
    data.setup()
    assert {part: len(rows) for part, rows in data._parts.items()} == {
        "train": 55000,
        "val": 5000,
        "test": 10000,
    }
    assert data.name == "mnist"
    assert data.notice is None
    assert data.input_stats == pytest.approx((0.1307, 0.3081), abs=2e-3)
    assert data._parts["test"].y[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    x, _ = data.on_after_batch_transfer(next(iter(data.test_dataloader()[0])), 0)
    assert x.shape == (1000, 28, 28)


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
