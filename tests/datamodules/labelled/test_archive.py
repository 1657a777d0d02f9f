"""Problems of the archives by their names: from a package that ships them, which is not run, or from a folder."""

import importlib.util
from pathlib import Path

import pytest

from seqmodels.datamodules.labelled import archive
from seqmodels.datamodules.labelled.datamodule import LabelledSeries

SHARES = {"val_fraction": 0.25, "normalize": False}


def write(folder: Path, name: str, sequences: int, classes: str = "@classLabel true up down") -> None:
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    for split, count in (("TRAIN", sequences), ("TEST", sequences + 1)):
        rows = [f"{number},{number + (-1) ** number}:{'down' if number % 2 else 'up'}" for number in range(count)]
        (place / f"{name}_{split}.ts").write_text("\n".join([f"@problemName {name}", classes, "@data", *rows]))


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Laid out as sktime and aeon are; to import it would be an error."""
    folder = Path("site/sktime/datasets/data").absolute()
    write(folder, "Two", 8)
    write(folder, "Numbers", 4, "@targetLabel true")
    Path("site/sktime/__init__.py").write_text("raise AssertionError('it was imported')")
    monkeypatch.syspath_prepend(Path("site").absolute())
    return folder


def test_a_problem_has_its_own_split(package: Path) -> None:
    data = LabelledSeries(dataset="Two", **SHARES)
    data.setup()
    assert {split: len(rows) for split, rows in data.splits.items()} == {"train": 6, "val": 2, "test": 9}
    assert data.name == "labelled:Two_TRAIN+1"
    assert data.class_names == ["down", "up"]


def test_files_of_another_test_are_read_in_place_of_its_own(package: Path) -> None:
    """And what was learned needs no package."""
    data = LabelledSeries(dataset="Two", **SHARES)
    data.setup()
    later = LabelledSeries(dataset="Gone", test_files=[str(package / "Two" / "Two_TRAIN.ts")], **SHARES)
    later.load_state_dict(data.state_dict())
    later.setup("test")
    assert len(later.splits["test"]) == 8


def test_a_folder_may_hold_either_format() -> None:
    write(Path("archive"), "Two", 8)
    Path("archive/Two/Two_TEST.ts").unlink()
    Path("archive/Two/Two_TEST.tsv").write_text("up\t1\t2\ndown\t2\t1\n")
    data = LabelledSeries(dataset="archive/Two", **SHARES)
    data.setup()
    assert [path.name for path in data._files] == ["Two_TRAIN.ts", "Two_TEST.tsv"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"dataset": "Tow"}, r"^datamodule.dataset=Tow: no Tow/Tow_TRAIN.ts in .*, where there is: Two; give"),
        ({"dataset": "none/Two"}, "^datamodule.dataset=none/Two: no Two/Two_TRAIN.ts in none, where there is: none"),
        ({"dataset": "Two", "files": "a.csv"}, r"^dataset=Two beside files=\['a.csv'\]: give one of the two"),
    ],
)
def test_what_is_no_problem_is_said(
    words: dict[str, str], message: str, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "PACKAGES", ("sktime",))
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        LabelledSeries(**words, **SHARES).setup()  # type: ignore[arg-type]


def test_without_a_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "PACKAGES", ("no_such_package",))
    with pytest.raises(FileNotFoundError, match=r'not installed here; pip install -e "\.\[labelled\]", or name'):
        LabelledSeries(dataset="GunPoint").setup()


def test_what_sktime_ships_is_read() -> None:
    """Sizes as the archives publish them."""
    if importlib.util.find_spec("sktime") is None:
        pytest.skip('needs the extra of labelled sets, pip install -e ".[labelled]"')
    sizes = {}
    for name in ("GunPoint", "ItalyPowerDemand", "ArrowHead", "BasicMotions"):
        data = LabelledSeries(dataset=name, val_fraction=0.0)
        data.setup()
        sizes[name] = len(data.splits["train"]), len(data.splits["test"]), data.input_size, data.output_size
    assert sizes == {
        "GunPoint": (50, 150, 1, 2),
        "ItalyPowerDemand": (67, 1029, 1, 2),
        "ArrowHead": (36, 175, 1, 3),
        "BasicMotions": (40, 40, 6, 4),
    }
