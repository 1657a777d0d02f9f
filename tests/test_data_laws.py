"""The laws of `seqmodels.datamodules.base`, for every YAML in conf/datamodule/. A new source is tested by adding it.

What it needs so that it is small and finds files stands in SMALL and WRITE; without an entry it is taken as it stands.
"""

import csv
import json
import math
import random
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import statsmodels.datasets
import torch
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig
from torch import Tensor
from torchvision.datasets import MNIST

from seqmodels.config.schema import parameters
from seqmodels.datamodules.base import SequenceData
from seqmodels.datamodules.checks import check_source
from seqmodels.datamodules.images.datamodule import ImageSequences
from seqmodels.datamodules.samples import SampleData
from seqmodels.datamodules.streams import StreamData
from seqmodels.runs.run import compose
from tests.conftest import options
from tests.support.data import Batch, all_same, joined, rows, same, sharing
from tests.support.image_sets import write_idx
from tests.support.labelled import write

SIZES = {"train_size": 96, "val_size": 33, "test_size": 21, "batch_size": 12, "eval_batch_size": 10}
SMALL: dict[str, dict[str, Any]] = {
    "adding": SIZES | {"steps": 9},
    "co2": {"files": ["co2.csv"], "window": 20, "warmup": 30, "cache": "cache"},
    "copy": SIZES | {"delay": 4},
    "digits": {"normalize": True},
    "formal_language": SIZES | {"language": "words_s5", "train_lengths": [7, 12], "val_lengths": [8, 30],
                                "test_lengths": [8, 30]},
    "image_sequence": {
        "dataset": "fashion_mnist", "root": "images", "normalize": True, "val_size": 12, "batch_size": 8,
        "eval_batch_size": 6,
    },
    "labelled_series": {
        "files": ["a.csv"], "val_files": ["v.csv"], "test_files": ["t.csv"], "id": "id", "label": "kind",
        "inputs": ["x", "y"], "batch_size": 4, "eval_batch_size": 4,
    },
    "mnist": {"normalize": True, "batch_size": 96},  # there is no network, so these are digits
    "recall": SIZES | {"train_kinds": [[16, 2], [16, 3]], "test_kinds": [[16, 2], [24, 4]], "embedding": 4},
    "series": {
        "files": ["*.csv"], "inputs": ["x", "y"], "targets": ["y"], "horizon": 2, "window": 8, "num_streams": 4,
        "warmup": 5, "cache": "cache",
    },
    "sine": {
        "num_streams": 4, "frequency": [0.5, 2.0], "phase": [0.0, 6.28], "dt": 0.1, "span": None, "val_windows": 5,
        "test_windows": 4,
    },
}  # fmt: skip


def _write_series() -> None:
    for start, name in enumerate(("first", "second")):
        lines = [f"{1000 * start + row},{1000 * start + row + 0.5}" for row in range(200)]
        Path(f"{name}.csv").write_text("\n".join(["x,y", *lines]) + "\n")


def _write_labelled() -> None:
    for number, (name, count) in enumerate({"a": 48, "v": 12, "t": 8}.items()):
        write(f"{name}.csv", count, seed=number, first=100 * number)


def _copy_co2() -> None:
    shutil.copy(Path(statsmodels.datasets.__path__[0], "co2", "co2.csv"), "co2.csv")


WRITE: dict[str, Callable[[], Any]] = {
    "co2": _copy_co2,
    "image_sequence": lambda: write_idx(Path("images"), test=18),
    "labelled_series": _write_labelled,
    "series": _write_series,
}

SOURCES = options("datamodule")
every_source = pytest.mark.parametrize("name", SOURCES)
MANY = 30
"""Batches that are looked at where they never end."""


@cache  # composing takes longer than most of what is tested with it
def config(name: str) -> DictConfig:
    return compose([f"datamodule={name}"]).datamodule


@pytest.fixture(autouse=True)
def _files(_away_from_home: None, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr(MNIST, "mirrors", ["http://127.0.0.1:9/"])
    monkeypatch.setenv("SEQMODELS_DATA", "nothing")
    WRITE.get(request.node.callspec.params["name"], lambda: None)()


def make(name: str, seed: int = 1, **changes: Any) -> Any:
    """The source, ready to be read."""
    try:
        data = instantiate(config(name), seed=seed, **(SMALL.get(name, {}) | changes))
        data.prepare_data()
        data.setup("fit")
    except Exception as error:
        if name in SMALL:
            raise
        pytest.fail(
            f"conf/datamodule/{name}.yaml cannot be read as it stands ({error}); say in SMALL and WRITE of "
            f"{Path(__file__).name} what it needs"
        )
    return data


def train(data: SequenceData) -> list[Batch]:
    """An epoch of the training."""
    return list(islice(data.train_dataloader(), MANY if data.endless else None))


def held_out(data: SequenceData) -> Iterator[tuple[str, list[Batch]]]:
    for split in ("val", "test"):
        for loader in getattr(data, f"{split}_dataloader")():
            yield split, list(loader)


def splits(data: SequenceData) -> dict[str, list[Batch]]:
    return {"train": train(data), **dict(held_out(data))}


def epochs(data: SequenceData) -> list[int]:
    return [0] if data.endless else [0, 2]


@every_source
def test_the_config_holds_what_the_class_takes(name: str) -> None:
    written = config(name)
    assert {*written, "seed"} == {*parameters(get_class(written._target_)), "_target_"}


@every_source
def test_it_says_what_a_run_asks_and_its_batches_agree(name: str) -> None:
    data = make(name)
    check_source(data)
    assert isinstance(data, SequenceData)
    assert json.loads(json.dumps(data.facts())) == data.facts()
    assert data.name in data.summary()
    assert "\n" not in data.summary()
    assert len(data.input_names) == data.input_size
    assert len(data.target_names if data.task == "regression" else data.class_names) == data.output_size
    for split, batches in splits(data).items():
        loader = data.train_dataloader() if split == "train" else getattr(data, f"{split}_dataloader")()[0]
        if not (split == "train" and data.endless):
            assert len(loader) == len(batches)
        for x, y, *rest in (data.on_after_batch_transfer(batch, 0) for batch in batches):
            assert x.dtype == torch.float32
            assert x.shape[2] == data.input_size
            if data.task == "regression":
                reset, mask, series, step_reset, dt = rest
                assert y.shape == (*x.shape[:2], data.output_size)
                assert (reset.shape, mask.shape) == (x.shape[:1], x.shape[:2])
                assert reset.dtype == mask.dtype == torch.bool
                assert (y[mask]).isfinite().all()
                assert step_reset.shape in ((0,), mask.shape)
                assert dt.shape == (mask.shape if data.has_dt else (0,))
                assert len(series) == (len(x) if data.series else 0)
                assert not data.series or set(series.tolist()) <= set(range(len(data.series.names)))
            else:
                assert y.shape == x.shape[: 1 if data.task == "classification" else 2]
                assert y.dtype == torch.int64
                assert y.min() >= 0
                assert y.max() < data.output_size
            if data.task == "classification" and rest:
                assert rest[0].max() == x.shape[1]
            if data.task == "labelling":
                assert rest[0].shape == y.shape
            assert x.isfinite().all()


@pytest.mark.filterwarnings("ignore:This DataLoader will create 3 worker processes")
@every_source
@pytest.mark.parametrize("workers", [1, 3])
def test_any_number_of_workers_gives_the_same_batches(name: str, workers: int) -> None:
    alone, helped = splits(make(name)), splits(make(name, num_workers=workers))
    assert alone.keys() == helped.keys()
    for split, batches in alone.items():
        assert all_same(helped[split], batches), split


@every_source
@pytest.mark.parametrize("ranks", [2, 4])
def test_the_ranks_batches_together_are_the_batch_of_one(name: str, ranks: int) -> None:
    shares = [splits(sharing(make(name), rank, ranks)) for rank in range(ranks)]
    for split, whole in splits(sharing(make(name))).items():
        for batch, *parts in zip(whole, *(share[split] for share in shares), strict=True):
            assert {len(part[0]) for part in parts} == {len(batch[0]) // ranks} or split != "train"
            assert same(joined(parts), [tensor[: sum(len(part[0]) for part in parts)] for tensor in batch])


@pytest.mark.filterwarnings("ignore:This DataLoader will create 3 worker processes")
@every_source
@pytest.mark.parametrize(
    ("workers", "ranks"), [(0, 1), *(pytest.param(*case, marks=pytest.mark.slow) for case in [(0, 2), (1, 1), (3, 4)])]
)
def test_it_goes_on_where_so_many_batches_were_read(name: str, workers: int, ranks: int) -> None:
    """By itself and with a trainer that counts the epochs; the epoch after that is whole again."""
    for epoch in epochs(make(name)):
        undisturbed = make(name)
        undisturbed.start_from(epoch, 0)
        sharing(undisturbed, ranks - 1, ranks, epoch)
        whole = train(undisturbed)
        undisturbed.trainer.current_epoch += not undisturbed.endless
        following = train(undisturbed)
        for batch in (0, 1, 3, len(whole) - 1):
            data = make(name, num_workers=workers)
            data.start_from(epoch, batch)
            loader = sharing(data, ranks - 1, ranks, epoch).train_dataloader()
            assert all_same(islice(loader, len(whole) - batch), whole[batch:])
            data.trainer.current_epoch += 1
            assert same(next(iter(loader)), following[0])
            if ranks == 1:
                data.trainer = None
                loader = data.train_dataloader()
                assert all_same(islice(loader, len(whole) - batch), whole[batch:])
                assert same(next(iter(loader)), following[0])


@every_source
def test_the_order_is_a_function_of_seed_and_epoch(name: str) -> None:
    data, again = make(name), make(name)
    first, again_first = train(data), train(again)
    assert all_same(again_first, first)
    if data.endless:
        return
    loader = data.train_dataloader()
    one, two = list(loader), list(loader)
    assert all_same(one, first)
    if isinstance(data, SampleData):
        assert not all_same(two, one), "the epochs are shuffled alike"
        assert rows(two) == rows(one), "every epoch reads every sample"
        again.start_from(1, 0)
        assert all_same(train(again), two)
        assert not all_same(train(make(name, seed=2)), one)
    else:
        assert all_same(two, one)


def samples(data: SequenceData, batches: list[Batch]) -> list[bytes]:
    """Of sequences each as a whole; of streams each step that counts, with the three inputs up to it."""
    if isinstance(data, SampleData):
        return rows(batches)
    found = []
    streams: Any = joined([[tensor.transpose(0, 1) for tensor in (b.x, b.y)] for b in batches])
    x, y = streams
    mask = torch.cat([window.mask for window in batches], 1).T  # type: ignore[attr-defined]
    for step, row in mask[2:].nonzero().tolist():
        found.append(torch.cat([x[step : step + 3, row].flatten(), y[step + 2, row]]).numpy().tobytes())
    return found


@every_source
def test_the_splits_share_no_sample(name: str) -> None:
    data = make(name)
    found = {split: set(samples(data, batches)) for split, batches in splits(data).items()}
    assert all(found.values())
    assert len(set.union(*found.values())) == sum(map(len, found.values()))


def _other_rows(path: str, first: float) -> None:
    """Other numbers in the rows of a CSV behind a fraction of them; the columns that are texts stay."""
    with Path(path).open(newline="") as file:
        header, *lines = csv.reader(file)
    for line in lines[math.ceil(first * len(lines)) :]:
        line[:] = [str(3 * float(cell) + 7) if column in ("x", "y", "co2") and cell else cell for column, cell in
                   zip(header, line, strict=True)]  # fmt: skip
    with Path(path).open("w", newline="") as file:
        csv.writer(file).writerows([header, *lines])


def _other_images(data: ImageSequences, monkeypatch: pytest.MonkeyPatch) -> None:
    load, held = ImageSequences.load, {image.numpy().tobytes() for image in data.splits["val"].x}

    def changed(self: ImageSequences, train: bool) -> tuple[Tensor, Tensor]:
        images, labels = load(self, train)
        touched = torch.tensor([not train or image.numpy().tobytes() in held for image in images])
        return torch.where(touched.view(-1, *[1] * (images.dim() - 1)), 255 - images, images), labels

    monkeypatch.setattr(ImageSequences, "load", changed)


CHANGE: dict[str, Callable[[], Any]] = {
    "co2": lambda: _other_rows("co2.csv", 0.8),
    "labelled_series": lambda: [_other_rows(path, 0.0) for path in ("v.csv", "t.csv")],
    "series": lambda: [_other_rows(f"{path}.csv", 0.8) for path in ("first", "second")],
}
"""How to change what validation and test read, and nothing else."""


@every_source
def test_statistics_are_those_of_the_training_split(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = make(name)
    told, kept = before.told_to_module(), before.state_dict()
    if not any(key.endswith(("_stats", "_scale")) and value is not None for key, value in told.items()):
        assert kept == {}, "what a checkpoint keeps is told to nobody"
        return
    if isinstance(before, ImageSequences):
        _other_images(before, monkeypatch)
    else:
        assert name in CHANGE, f"say in CHANGE of {Path(__file__).name} how the held-out values of {name} are changed"
        CHANGE[name]()
    after = make(name)
    assert after.told_to_module() == told
    assert after.state_dict() == kept
    assert all_same(train(after), train(before))
    for (split, ours), (_, theirs) in zip(held_out(after), held_out(before), strict=True):
        assert not all_same(ours, theirs), f"{split} was not changed"


@every_source
def test_rows_of_streams_keep_their_places(name: str) -> None:
    """A signal that goes on does not jump from window to window; one row's beside another's does."""
    data = make(name, **({"random_window": 2} if name == "sine" else {}))
    if not isinstance(data, StreamData):
        return
    for batches in splits(data).values():
        seen = jumps = 0
        for before, after in pairwise(batches):
            x: Any = [window.x[..., 0] for window in (before, after)]  # type: ignore[attr-defined]
            real = [window.y.isfinite().all(-1) for window in (before, after)]  # type: ignore[attr-defined]
            on = ~after.reset & real[0].all(1) & real[1][:, 0]  # type: ignore[attr-defined]
            usual = max(
                (part.diff(dim=1).abs()[own[:, 1:]].max() for part, own in zip(x, real, strict=True)), default=0
            )
            assert ((x[1][:, 0] - x[0][:, -1]).abs()[on] <= 1.5 * usual).all()
            seen += int(on.sum())
            jumps += int(((x[1].roll(1, 0)[:, 0] - x[0][:, -1]).abs()[on] > 1.5 * usual).sum())
        assert seen
        assert data.num_streams == 1 or jumps > seen / 4


def states() -> tuple[Any, ...]:
    """Of the global generators."""
    numbers = np.random.get_state()[1].tolist()  # type: ignore[index,union-attr]  # noqa: NPY002
    return torch.get_rng_state().tolist(), random.getstate(), numbers


@every_source
def test_loaders_leave_the_global_generators_alone(name: str) -> None:
    data, before = make(name), states()
    for loader in (data.train_dataloader(), *data.val_dataloader(), *data.test_dataloader()):
        next(iter(loader))
    assert states() == before


@every_source
def test_overfit_batches_come_again(name: str) -> None:
    data = make(name, overfit_batches=2)
    loader = data.train_dataloader()
    one, two = list(loader), list(loader)
    assert not data.endless
    assert len(loader) == 2
    assert all_same(one, train(make(name))[:2])
    assert all_same(two, one)
