"""Images as sequences: views, permutations, splits, order, statistics, grey and in colour.

On the bundled digits, on small files in CIFAR-10's format, and on the real MNIST.
"""

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqmodels.datamodules.images.datamodule import ImageSequences
from seqmodels.datamodules.images.views import as_images, as_sequence, pixel_order, random_shift, steps_and_width
from tests.support.image_sets import photographs, write_cifar10


def digits(**options: Any) -> ImageSequences:
    data = ImageSequences("digits", **{"val_size": 180, **options})
    data.setup()
    return data


def ids(data: ImageSequences, part: str) -> list[bytes]:
    return [row.numpy().tobytes() for row in data.splits[part].x]


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
    pixels = data.splits["train"].x.double() / 255
    assert data.input_stats == pytest.approx((pixels.mean().item(), pixels.std(correction=0).item()), rel=1e-9)
    assert sorted(torch.cat([y for _, y in batches]).tolist()) == sorted(data.splits["train"].y.tolist())


def cifar10(**options: Any) -> ImageSequences:
    data = ImageSequences("cifar10", val_size=20, **options)
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
    assert data.splits["test"].x.is_contiguous()
    assert data.splits["test"].x.dtype == torch.uint8
    np.testing.assert_array_equal(data.splits["test"].x.numpy(), images)
    x, y = data.on_after_batch_transfer(next(iter(data.test_dataloader()[0])), 0)
    np.testing.assert_allclose(x.numpy(), images.reshape(20, 1024, 3) / 255, rtol=1e-6)
    assert y.tolist() == labels.tolist()
    assert y.dtype == torch.int64
    assert {part: len(rows) for part, rows in data.splits.items()} == {"train": 80, "val": 20, "test": 20}
    assert data.class_names[:2] == ["airplane", "automobile"]
    assert data.summary() == "cifar10: 80 train, 20 val, 20 test; pixels, 1024 steps of 3"


@pytest.mark.parametrize(("view", "width"), [("rows", 96), ("columns", 96), ("pixels", 3)])
def test_each_channel_has_its_own_statistics(cifar10_root: str, view: str, width: int) -> None:
    data = cifar10(root=cifar10_root, view=view, normalize=True)
    assert data.input_size == width
    mean, std = (torch.tensor(values, dtype=torch.float64) for values in data.input_stats)
    pixels = data.splits["train"].x.double() / 255
    x = (data.sequences(data.splits["train"].x).double() - mean) / std
    back = data.images(x)
    np.testing.assert_allclose(back.mean((0, 1, 2)), np.zeros(3), atol=1e-7)
    np.testing.assert_allclose(back.std((0, 1, 2), correction=0), np.ones(3), rtol=1e-6)
    np.testing.assert_allclose(mean[:3], pixels.mean((0, 1, 2)), rtol=1e-9)
