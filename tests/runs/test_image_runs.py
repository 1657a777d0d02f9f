"""Runs on image sets, grey and in colour: trained, drawn, tested again, loaded without data, used on image files."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from seqmodels import load_run
from seqmodels.callbacks.figures.classification import Shown, image_figure
from seqmodels.datamodules.images.sets import SETS
from seqmodels.datamodules.images.views import pixel_order
from seqmodels.predicting.images import cut, read_colour
from seqmodels.runs.load import LoadedRun
from seqmodels.runs.run import compose, resume, train
from tests.conftest import Command
from tests.support.image_sets import photographs, write_cifar10, write_idx

SMALL = ["datamodule=image_sequence", "datamodule.val_size=20", "datamodule.batch_size=20", "trainer=cpu", "threads=1"]


def words(dataset: str, root: Path, *more: str) -> list[str]:
    return [*SMALL, f"datamodule.dataset={dataset}", f"datamodule.root={root}", *more]


@pytest.fixture(scope="module")
def cifar10_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("data")
        write_cifar10(root, patch, batch=60)
        yield root


@pytest.fixture(scope="module")
def photographer(cifar10_root: Path, tmp_path_factory: pytest.TempPathFactory) -> LoadedRun:
    """A run that has learned what colour the classes have."""
    torch.set_num_threads(1)
    settings = ["datamodule.normalize=true", "trainer.max_epochs=4", "optimizer.lr=0.01"]
    cfg = compose(words("cifar10", cifar10_root, *settings, "callbacks=checkpoints"))
    return load_run(train(cfg, tmp_path_factory.mktemp("runs") / "cifar10").folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        ["cifar10", "view=rows"],
        ["cifar10", "view=columns", "permutation=random"],
        ["cifar10", "view=pixels", "permutation=bit_reversal", "normalize=true", "shift=2"],
        ["fashion_mnist", "view=columns", "normalize=true", "shift=1"],
        ["kmnist", "view=pixels", "permutation=random"],
    ],
    ids=lambda settings: f"{settings[0]}-{settings[1]}",
)
def test_a_run(settings: list[str], cifar10_root: Path, tmp_path: Path) -> None:
    dataset, *chosen = settings
    root = cifar10_root if dataset == "cifar10" else tmp_path / "data"
    if dataset != "cifar10":
        write_idx(root, dataset, train=80)
    result = train(compose(words(dataset, root, *(f"datamodule.{word}" for word in chosen), "+debug=fast")))
    found = json.loads((result.folder / "results.json").read_text())
    assert (found["status"], found["steps"], found["datamodule"]) == ("completed", 3, dataset)
    assert {path.stem for path in (result.folder / "figures").iterdir()} == {"samples", "mistakes", "confusion"}
    name = next((word.partition("=")[2] for word in chosen if word.startswith("permutation")), None)
    if name:
        height, width, *_ = SETS[dataset].shape
        order = pixel_order(name, height * width, 92916)
        assert found["permutation"] == {"name": order.name, "sha256": order.sha256}


def test_images_are_drawn_in_their_own_colours() -> None:
    images, labels = (torch.from_numpy(array) for array in photographs(13))
    shown = [Shown(image, int(label), 1, 0.5, 0.5) for image, label in zip(images, labels, strict=True)]
    figure = image_figure(images / 255, shown, SETS["cifar10"].class_names, "title")
    (axes,) = figure.axes
    for drawn, image in zip(axes.get_images(), images, strict=True):
        np.testing.assert_allclose(drawn.get_array(), image / 255, atol=1e-6)
    assert {text.get_text() for text in axes.texts} >= {"automobile\nnot bird\n50%", "automobile\n50%"}


def test_a_colour_run_is_loaded_without_its_data_and_tested_again(photographer: LoadedRun, invoke: Command) -> None:
    own = json.loads((photographer.folder / "results.json").read_text())["metrics"]
    assert own["test/acc"] > 0.6
    assert photographer.module.input_mean.shape == (96,)
    elsewhere = load_run(photographer.folder, overrides=["datamodule.root=nowhere"])
    assert torch.equal(elsewhere.module.input_mean, photographer.module.input_mean)
    assert invoke("evaluate", f"run={photographer.folder}", "output=again") == 0
    found = json.loads(Path("again", "results.json").read_text())["metrics"]
    assert found == {name: value for name, value in own.items() if name.startswith("test/")}


@pytest.mark.slow
def test_a_colour_run_goes_on_exactly(cifar10_root: Path) -> None:
    settings = ["datamodule.normalize=true", "datamodule.shift=2", "callbacks=checkpoints", "test=false"]
    short = train(compose(words("cifar10", cifar10_root, *settings, "trainer.max_epochs=1")), "short").folder
    whole = train(compose(words("cifar10", cifar10_root, *settings, "trainer.max_epochs=2")), "whole").folder
    resume(short, ["trainer.max_epochs=2"])
    ends = [torch.load(folder / "checkpoints" / "last.ckpt")["state_dict"] for folder in (short, whole)]
    assert all(torch.equal(value, ends[1][name]) for name, value in ends[0].items())


def predicted(run: LoadedRun, invoke: Command) -> list[dict[str, str]]:
    assert invoke("predict", f"run={run.folder}", "input=photographs", "output=out.csv", "overwrite=true") == 0
    with Path("out.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_photograph_in_a_file_is_the_image_itself(
    photographer: LoadedRun, invoke: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    images, _ = photographs(20, seed=7)
    Path("photographs").mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image).save(f"photographs/{number:02}.png")
    found = predicted(photographer, invoke)
    assert "20 images, read as 32x32, in colour" in capsys.readouterr().err
    names = photographer.datamodule.class_names
    with torch.inference_mode():
        expected = photographer.module(photographer.datamodule.sequences(torch.from_numpy(images)))[0].softmax(-1)
    assert torch.equal(torch.tensor([[float(row[f"probability_{name}"]) for name in names] for row in found]), expected)
    assert [row["class"] for row in found] == [names[number] for number in expected.argmax(-1).tolist()]


def test_a_larger_photograph_is_told_as_the_small_one(photographer: LoadedRun, invoke: Command) -> None:
    """Wide, with other colours outside the middle, in JPEG; bright borders are no paper here."""
    images, _ = photographs(20, seed=8)
    Path("photographs").mkdir()
    small, large = {}, {}
    for number, image in enumerate(images):
        picture = Image.fromarray(image)
        picture.save(f"photographs/{number:02}.png")
        wide = Image.new("RGB", (300, 160), "white")
        wide.paste(picture.resize((160, 160), Image.Resampling.BICUBIC), (70, 0))
        wide.save(f"photographs/{number:02}_large.jpg", quality=95)
    for row in predicted(photographer, invoke):
        (large if "large" in row["file"] else small)[row["file"][:2]] = row["class"]
    assert len(set(small.values())) > 4
    assert sum(large[number] == name for number, name in small.items()) >= 18


def test_colours_of_every_kind_of_image() -> None:
    pixels = np.arange(36, dtype=np.uint8).reshape(3, 4, 3) * 7
    Image.fromarray(pixels).save("rgb.png")
    Image.fromarray(np.dstack([pixels, np.full((3, 4), 255, np.uint8)])).save("rgba.png")
    for name in ("rgb.png", "rgba.png"):
        np.testing.assert_array_equal(read_colour(Path(name)), pixels, err_msg=name)
    Image.fromarray(np.dstack([pixels, np.zeros((3, 4), np.uint8)])).save("clear.png")
    assert (read_colour(Path("clear.png")) == 255).all()
    grey = pixels[..., 0]
    Image.fromarray(grey).save("l.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save("sixteen.png")
    for name in ("l.png", "sixteen.png"):
        np.testing.assert_array_equal(read_colour(Path(name)), np.dstack([grey] * 3), err_msg=name)


@pytest.mark.parametrize("size", [(32, 32), (1, 1), (3, 400), (400, 3), (31, 33), (64, 64)])
def test_any_size_is_cut_to_the_runs(size: tuple[int, int]) -> None:
    image = np.full((*size, 3), (10, 120, 250), np.uint8)
    assert (cut(image, (32, 32, 3)) == image[0, 0]).all()
    assert cut(image, (32, 32, 3)).shape == (32, 32, 3)


def test_nothing_is_inverted_in_colour(
    photographer: LoadedRun, invoke: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("photographs").mkdir()
    Image.new("RGB", (32, 32)).save("photographs/a.png")
    arguments = [f"run={photographer.folder}", "input=photographs", "output=out.csv"]
    assert invoke("predict", *arguments, "invert=true") == 1
    assert "invert=true changes nothing here: this run tells classes of images in colour" in capsys.readouterr().err
    Path("photographs", "b.txt").write_text("hello")
    assert invoke("predict", *arguments) == 1
    assert "photographs/b.txt is not an image that can be read" in capsys.readouterr().err
    assert invoke("predict", *arguments, "errors=skip") == 0


def test_a_set_that_cannot_be_had_is_one_message(
    invoke: Command, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SETS["kmnist"].source_class, "mirrors", ["http://127.0.0.1:9/"])
    assert invoke("train", *words("kmnist", Path("nowhere"))) == 1
    error = capsys.readouterr().err
    assert "KMNIST is not in nowhere and could not be downloaded" in error
    assert "Traceback" not in error
