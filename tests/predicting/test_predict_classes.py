"""Predicting classes: what a run says of images in files and of sequences in tables is what its module says of them."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from seqmodels import load_run
from seqmodels.datamodules.images.digits import read_digits
from seqmodels.predicting.images import border, fitted, in_full_contrast, read_grey
from seqmodels.runs.load import LoadedRun
from seqmodels.runs.run import compose, train
from tests.conftest import Command
from tests.support.labelled import WORDS, write

DIGITS = ["datamodule=digits", "trainer=cpu", "threads=1", "trainer.max_epochs=12", "optimizer.lr=0.02"]
DIGITS += ["core.hidden_size=32", "~callbacks.classification", "datamodule.normalize=true"]
GAIT = [*WORDS, "trainer.max_epochs=8", "optimizer.lr=0.02", "~callbacks.classification"]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> LoadedRun:
    """A trained run on images of 8x8."""
    torch.set_num_threads(1)
    return load_run(train(compose(DIGITS), tmp_path_factory.mktemp("runs") / "digits").folder)


@pytest.fixture(scope="module")
def gait(tmp_path_factory: pytest.TempPathFactory) -> LoadedRun:
    """A trained run on sequences of two columns."""
    torch.set_num_threads(1)
    place = tmp_path_factory.mktemp("runs")
    words = [*GAIT, f"datamodule.files=[{write(str(place / 'a.csv'), 60)}]"]
    return load_run(train(compose(words), place / "gait").folder)


def rows(path: str = "out.csv") -> list[dict[str, str]]:
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def probabilities(row: dict[str, Any], names: list[str]) -> list[float]:
    return [float(row[f"probability_{name}"]) for name in names]


def test_an_image_in_a_file_is_the_image_itself(digits: LoadedRun, invoke: Command) -> None:
    images, labels = read_digits(train=False)
    Path("scans").mkdir()
    for number, image in enumerate(images[:40]):
        Image.fromarray(image.numpy()).save(f"scans/{number:02}.png")
    assert invoke("predict", f"run={digits.folder}", "input=scans", "output=out.csv") == 0
    with torch.inference_mode():
        expected = digits.module(digits.datamodule.sequences(images[:40]))[0].softmax(-1)
    found = rows()
    assert [row["file"] for row in found] == [f"{number:02}.png" for number in range(40)]
    assert torch.equal(torch.tensor([probabilities(row, digits.datamodule.class_names) for row in found]), expected)
    assert [row["class"] for row in found] == [str(number) for number in expected.argmax(-1).tolist()]
    assert [float(row["probability"]) for row in found] == pytest.approx(expected.max(-1).values.tolist())
    right = sum(row["class"] == str(label) for row, label in zip(found, labels[:40].tolist(), strict=True))
    assert right > 30

    assert invoke("predict", f"run={digits.folder}", "input=scans/07.png", "output=one.jsonl") == 0
    (line,) = Path("one.jsonl").read_text().splitlines()
    one = json.loads(line)
    assert (one["file"], one["class"]) == ("07.png", found[7]["class"])
    assert probabilities(one, digits.datamodule.class_names) == pytest.approx(
        probabilities(found[7], digits.datamodule.class_names), rel=1e-4, abs=1e-7
    )


@pytest.mark.mnist
def test_an_mnist_image_in_a_file_is_the_image_itself(mnist_root: Path, invoke: Command) -> None:
    words = ["+experiment=mnist_lstm", f"datamodule.root={mnist_root}", "trainer=cpu", "threads=1", "test=false"]
    run = load_run(train(compose([*words, "trainer.limit_train_batches=2", "trainer.limit_val_batches=1"])).folder)
    run.datamodule.setup()
    images = run.datamodule.splits["test"].x[:3]
    Path("scans").mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image.numpy()).save(f"scans/{number}.png")
    assert invoke("predict", f"run={run.folder}", "input=scans", "output=out.csv") == 0
    with torch.inference_mode():
        expected = run.module(run.datamodule.sequences(images))[0].softmax(-1)
    found = [probabilities(row, run.datamodule.class_names) for row in rows()]
    assert torch.equal(torch.tensor(found), expected)


def test_ink_on_paper_of_another_size(digits: LoadedRun, invoke: Command, capsys: pytest.CaptureFixture[str]) -> None:
    """Grey paper, grey ink, noise, colour, JPEG: most digits are still told as they are without all that."""
    images, _ = read_digits(train=False)
    random = np.random.default_rng(0)
    Path("scans").mkdir()
    for number, image in enumerate(images[:60].numpy()):
        large = np.asarray(Image.fromarray(255 - np.pad(image, 1)).resize((120, 120), Image.Resampling.BICUBIC), float)
        paper = (large * 0.7 + 50 + random.normal(0, 4, large.shape)).clip(0, 255).astype(np.uint8)
        cut = 12  # the margin that the padding has made
        Image.fromarray(paper[cut:-cut, cut:-cut]).convert("RGB").save(f"scans/{number:02}.jpg")
    for choice, said in (
        ("auto", "images, read as 8x8"),
        ("false", "0 of them inverted"),
        ("true", "60 of them inverted"),
    ):
        assert invoke("predict", f"run={digits.folder}", "input=scans", f"output={choice}.csv", f"invert={choice}") == 0
        assert said in capsys.readouterr().err
    with torch.inference_mode():
        expected = digits.module(digits.datamodule.sequences(images[:60]))[0].argmax(-1).tolist()
    same = {
        choice: sum(row["class"] == str(label) for row, label in zip(rows(f"{choice}.csv"), expected, strict=True))
        for choice in ("auto", "true", "false")
    }
    assert same["true"] >= 45
    assert same["auto"] >= 40
    assert same["false"] < 30


def test_pixels_of_every_kind_of_image() -> None:
    grey = (np.arange(12, dtype=np.uint8) * 20).reshape(3, 4)
    kinds = {
        "l.png": Image.fromarray(grey),
        "rgb.png": Image.fromarray(grey).convert("RGB"),
        "p.gif": Image.fromarray(grey),
        "sixteen.png": Image.fromarray(grey.astype(np.uint16) * 257),
        "la.png": Image.merge("LA", [Image.fromarray(grey), Image.new("L", (4, 3), 255)]),
    }
    for name, image in kinds.items():
        image.save(name)
        np.testing.assert_array_equal(read_grey(Path(name)), grey, err_msg=name)
    Image.merge("LA", [Image.new("L", (4, 3), 0), Image.fromarray((grey > 100).astype(np.uint8) * 255)]).save("a.png")
    np.testing.assert_array_equal(
        read_grey(Path("a.png")), np.where(grey > 100, 0, 255)
    )  # what is transparent is paper
    turned = Image.fromarray(grey)
    turned.getexif()[0x0112] = 3  # taken upside down
    turned.save("turned.png", exif=turned.getexif())
    np.testing.assert_array_equal(read_grey(Path("turned.png")), grey[::-1, ::-1])
    Image.fromarray(grey.astype(np.float32)).save("f.tiff")
    with pytest.raises(ValueError, match="floating point"):
        read_grey(Path("f.tiff"))


def test_shape_border_and_contrast() -> None:
    wide = np.full((10, 30), 40, np.uint8)
    wide[3:7, 10:20] = 200
    square = fitted(wide, (28, 28))
    assert square.shape == (28, 28)
    assert (square[:9] == 40).all()
    assert square[14, 14] == 200
    assert fitted(square, (28, 28)) is square
    assert border(wide) == 40
    clear = in_full_contrast(square)
    assert (clear[0, 0], clear.max()) == (0, 255)
    empty = np.full((8, 8), 30, np.uint8)
    empty[2, 2] = 35
    assert in_full_contrast(empty) is empty


def test_files_that_are_no_images(digits: LoadedRun, invoke: Command, capsys: pytest.CaptureFixture[str]) -> None:
    Path("scans").mkdir()
    Image.new("L", (8, 8)).save("scans/b.png")
    Path("scans", "a.txt").write_text("hello")
    Image.effect_noise((50, 50), 50).save("scans/c.png")
    Path("scans", "c.png").write_bytes(Path("scans", "c.png").read_bytes()[:1000])
    Path("scans", ".hidden").touch()
    words = [f"run={digits.folder}", "input=scans"]
    assert invoke("predict", *words, "output=out.csv") == 1
    assert "scans/a.txt is not an image that can be read" in capsys.readouterr().err
    assert [path.name for path in Path.cwd().iterdir()] == ["scans"]
    assert invoke("predict", *words, "output=scans/out.csv", "errors=skip") == 0
    error = capsys.readouterr().err
    assert "skipped: scans/a.txt" in error
    assert "skipped: scans/c.png" in error
    assert "1 images, read as 8x8, light on dark; 0 of them inverted; 2 files skipped" in error
    again = [*words, "output=scans/out.csv", "errors=skip"]
    assert invoke("predict", *again, "overwrite=true", "quiet=true") == 0
    assert "out.csv" not in capsys.readouterr().err
    assert [row["file"] for row in rows("scans/out.csv")] == ["b.png"]


def test_an_output_is_whole_or_as_it_was(
    digits: LoadedRun, invoke: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("scans").mkdir()
    Path("scans", "a.txt").touch()
    Path("out.csv").write_text("mine")
    words = [f"run={digits.folder}", "input=scans", "output=out.csv"]
    assert invoke("predict", *words) == 1
    assert "output=out.csv exists and will not be overwritten; overwrite=true allows it" in capsys.readouterr().err
    assert invoke("predict", *words, "overwrite=true") == 1
    assert "is not an image" in capsys.readouterr().err
    assert Path("out.csv").read_text() == "mine"


def test_sequences_of_a_table(gait: LoadedRun, invoke: Command, capsys: pytest.CaptureFixture[str]) -> None:
    write("new.csv", 12, seed=5, first=70)
    table = Path("new.csv").read_text().splitlines()
    Path("new.csv").write_text("\n".join(",".join(np.delete(line.split(","), 1)) for line in table))  # no labels
    words = [f"run={gait.folder}", "input=new.csv", "datamodule.eval_batch_size=5"]
    assert invoke("predict", *words, "output=out.csv") == 0
    assert "12 sequences" in capsys.readouterr().err
    found = rows()
    assert list(found[0]) == ["id", "class", "probability", "probability_down", "probability_flat", "probability_up"]
    assert [row["id"] for row in found] == [str(number) for number in range(70, 82)]
    for row in found:
        cells = [line.split(",")[1:] for line in Path("new.csv").read_text().splitlines() if line.startswith(row["id"])]
        with torch.inference_mode():
            alone = gait.module(torch.tensor([[list(map(float, cell)) for cell in cells]]))[0][0].softmax(-1)
        assert probabilities(row, gait.datamodule.class_names) == pytest.approx(alone.tolist(), abs=1e-5)
        assert row["class"] == gait.datamodule.class_names[int(alone.argmax())]
    assert sum(row["class"] == ["down", "flat", "up"][int(row["id"]) % 3] for row in found) > 8

    assert invoke("predict", *words, "output=-", "format=jsonl", "quiet=true") == 0


def test_an_id_is_not_lost_behind_a_column_of_the_same_name(gait: LoadedRun, invoke: Command) -> None:
    Path("new.csv").write_text("class,x,y\n7,100,0\n7,101,0\n")
    words = [f"run={gait.folder}", "input=new.csv", "datamodule.id=class"]
    assert invoke("predict", *words, "output=out.csv") == 0
    assert list(rows()[0])[:3] == ["sequence", "class", "probability"]
    assert rows()[0]["sequence"] == "7"


def test_a_missing_cell_is_what_it_was_in_training(gait: LoadedRun, invoke: Command) -> None:
    Path("new.csv").write_text("id,x,y\n1,100,\n1,101,0\n")
    words = [f"run={gait.folder}", "input=new.csv"]
    assert invoke("predict", *words, "output=out.csv") == 1
    assert invoke("predict", *words, "output=out.csv", "datamodule.missing=mask") == 0
    mean = gait.module.input_mean[1].item()
    with torch.inference_mode():
        alone = gait.module(torch.tensor([[[100, mean], [101, 0]]]))[0][0].softmax(-1)
    assert probabilities(rows()[0], gait.datamodule.class_names) == pytest.approx(alone.tolist(), abs=1e-5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["input=a.csv"], "a.csv has no column 'y'; there is: id, x"),
        (["input=b.csv"], "b.csv, column x, row 1: 'much' is not a number"),
        (["input=c.csv"], "c.csv, column y, row 1 (step 1 of sequence 7) is empty"),
        (["input=d.ts"], "d.ts holds 1 values a step; the training data has 2"),
        (["input=-"], "input=- is for streams, row by row; this run tells classes of labelled sequences: name a file"),
        (["input=a.csv", "state=x"], "state=x changes nothing here: this run tells classes of labelled sequences"),
        (["input=a.csv", "invert=true"], "invert=true changes nothing here"),
        (["input=a.csv", "output=out.txt"], "output=out.txt is of no known kind; it ends in .csv, .jsonl"),
        (["input=a.csv", "threads=0"], "threads=0 is too small; give an integer of at least 1"),
    ],
)
def test_mistakes_get_one_message(
    words: list[str], message: str, gait: LoadedRun, invoke: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.csv").write_text("id,x\n7,1\n")
    Path("b.csv").write_text("id,x,y\n7,much,1\n")
    Path("c.csv").write_text("id,x,y\n7,1,\n")
    Path("d.ts").write_text("@classLabel false\n@data\n1,2\n")
    assert invoke("predict", f"run={gait.folder}", "output=out.csv", *words) == 1
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not list(Path.cwd().glob("*out*"))
