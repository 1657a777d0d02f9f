"""Labelled sequences in NumPy's files: X (N, T, C) and y."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqmodels.datamodules.labelled.datamodule import LabelledSeries
from seqmodels.datamodules.labelled.files import read_files
from seqmodels.datamodules.labelled.tables import Columns
from seqmodels.tables.formats import Marks
from tests.conftest import Command

NOTHING = Columns(None, None, [])


def cube(n: int = 4, t: int = 3, c: int = 2) -> np.ndarray:
    return np.arange(n * t * c, dtype=np.float32).reshape(n, t, c)


def read(path: str, columns: Columns = NOTHING, labelled: bool = True) -> Any:
    return read_files([path], columns, unique_ids=False, labelled=labelled)


def test_x_and_y_of_one_file() -> None:
    x = cube()
    np.savez("a.npz", X=x, y=np.array([1.0, 2, 1, 2]), rate=250.0, who="pump")
    found = read("a.npz")
    np.testing.assert_array_equal(found.values, x.reshape(-1, 2))
    assert (found.lengths.tolist(), found.labels, found.ids) == ([3] * 4, ["1", "2", "1", "2"], ["1", "2", "3", "4"])
    assert (found.columns, found.rows.tolist()[:4]) == (["0", "1"], [1, 1, 1, 2])


@pytest.mark.parametrize("y", [["a", "B", "a", "B"], [b"a", b"B", b"a", b"B"], [[1], [2], [1], [2]], [True] * 4])
def test_labels_of_any_kind(y: list[Any]) -> None:
    np.savez_compressed("a.npz", X=cube(), y=np.array(y))
    expected = {"a": "a", "b'a'": "a", "b'B'": "B", "[1]": "1", "[2]": "2"}
    assert read("a.npz").labels == [expected.get(str(one), str(one)) for one in y]


def test_named_arrays_and_what_is_short_or_missing() -> None:
    x = cube(2, 4, 1)
    x[0, 2:], x[1, 1], x[1, 3] = np.nan, np.nan, -99.9
    np.savez("a.npz", X_train=x, X_test=cube(), y_train=["u", "v"])
    found = read("a.npz", Columns(None, "y_train", ["X_train"], marks=Marks(missing_values=(-99.9,))))
    np.testing.assert_array_equal(found.values[:, 0], [0, 1, 4, np.nan, 6])
    assert (found.lengths.tolist(), found.labels) == ([2, 3], ["u", "v"])


def test_npy_with_its_labels_beside_it() -> None:
    Path("d").mkdir()
    np.save("d/X.npy", cube().astype(">i2"))
    np.save("d/labels.npy", ["u", "v", "u", "v"])
    found = read("d/X.npy", Columns(None, "labels.npy", []))
    np.testing.assert_array_equal(found.values, cube().reshape(-1, 2))
    assert found.labels == ["u", "v", "u", "v"]
    assert read("d/X.npy", labelled=False).labels is None


@pytest.mark.parametrize(
    ("held", "columns", "message"),
    [
        (
            {"A": cube(), "B": cube(), "y": [1] * 4},
            NOTHING,
            r"holds A \(4, 3, 2\), B .*; name .*datamodule.inputs=\[A\]",
        ),
        ({"X": cube(), "y": [1] * 3}, NOTHING, r"labels y are \(3,\); expected a label for each of 4"),
        ({"X": cube(), "z": [1] * 4}, NOTHING, r"no array 'y' of labels; name it, datamodule.label=NAME"),
        ({"X": cube(), "y": [1, 2, np.nan, 1]}, NOTHING, "the label of sequence 3 is missing"),
        ({"X": cube() * np.nan, "y": [1] * 4}, NOTHING, "sequence 1 has no value"),
        ({"X": cube() * 1j, "y": [1] * 4}, NOTHING, "holds complex64; expected numbers"),
        ({"X": cube(), "y": [1j] * 4}, NOTHING, "labels y are complex128"),
    ],
)
def test_what_is_refused(held: dict[str, Any], columns: Columns, message: str) -> None:
    np.savez("a.npz", **{name: np.array(value) for name, value in held.items()})
    with pytest.raises(ValueError, match=rf"^a.npz.*{message}"):
        read("a.npz", columns)


def test_an_npy_without_labels() -> None:
    np.save("X.npy", cube())
    with pytest.raises(ValueError, match=r"^X.npy holds no labels; .* datamodule.label=y.npy"):
        read("X.npy")
    with pytest.raises(FileNotFoundError):
        read("X.npy", Columns(None, "y.npy", []))


def test_trained_tested_and_predicted(command: Command, invoke: Command, capsys: pytest.CaptureFixture[str]) -> None:
    dice = np.random.default_rng(0)
    y = np.arange(60) % 2
    x = dice.normal(0, 0.1, (60, 8, 1)) + np.where(y, 1, -1)[:, None, None] * np.linspace(0, 1, 8)[None, :, None]
    np.savez("train.npz", X=x, y=y)
    np.savez("new.npz", X=x[:7])
    words = ["datamodule=labelled_series", "datamodule.files=[train.npz]", "module=classifier", "core.hidden_size=4"]
    words += ["trainer=cpu", "threads=1", "trainer.max_epochs=1", "callbacks=checkpoints", "hydra.run.dir=run"]
    assert command(*words) == 0
    assert "8 steps of 1; 2 classes: 0, 1" in capsys.readouterr().out
    assert invoke("predict", "run=run", "input=new.npz", "output=out.csv") == 0
    lines = Path("out.csv").read_text().splitlines()
    assert lines[0].startswith("sequence,class,probability")
    assert [line.split(",")[0] for line in lines[1:]] == [str(number) for number in range(1, 8)]
    data = LabelledSeries("train.npz")
    data.setup("fit")
    assert (data.input_size, data.output_size, data.input_names) == (1, 2, ["0"])
