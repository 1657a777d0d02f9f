"""A person's own labelled sequences: batches, parts, statistics, what a checkpoint keeps; against plain loops."""

from collections import Counter
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from torch import Tensor

from seqmodels.datamodules.labelled.datamodule import LabelledSeries
from seqmodels.datamodules.labelled.ragged import RaggedRows
from seqmodels.datamodules.labelled.sequences import Sequences
from seqmodels.datamodules.labelled.split import split_by_class
from seqmodels.datamodules.labelled.statistics import filled, fit_statistics
from tests.support.labelled import write


def data(*files: str, **options: Any) -> LabelledSeries:
    return LabelledSeries(list(files) or ["a.csv"], ["x", "y"], "id", "kind", **options)


def ready(*files: str, **options: Any) -> LabelledSeries:
    made = data(*files, **options)
    made.setup("fit")
    return made


def one_by_one(rows: RaggedRows) -> list[tuple[Tensor, int]]:
    """Each sequence as it is, without padding, and its class."""
    steps = rows.steps.split(rows.lengths.tolist())
    return list(zip(steps, rows.labels.tolist(), strict=True))


def made(*lengths: int, columns: int = 2, seed: int = 0) -> RaggedRows:
    steps = torch.randn(sum(lengths), columns, generator=torch.Generator().manual_seed(seed))
    return RaggedRows(steps, torch.tensor(lengths), torch.arange(len(lengths)))


def test_a_batch_is_padded_to_its_own_longest() -> None:
    rows = made(3, 1, 5, 2)
    x, labels, lengths = rows.__getitems__(torch.tensor([3, 0, 1]))
    assert x.shape == (3, 3, 2)
    assert labels.tolist() == [3, 0, 1]
    assert lengths.tolist() == [2, 3, 1]
    alone = one_by_one(rows)
    for row, number in enumerate([3, 0, 1]):
        steps = alone[number][0]
        assert torch.equal(x[row, : len(steps)], steps)
        assert torch.equal(x[row, len(steps) :], steps[-1:].expand(3 - len(steps), 2))


def test_parts_are_whole_sequences_of_every_class_in_its_share() -> None:
    for classes, val, test in ((["a"] * 70 + ["b"] * 30, 0.1, 0.2), (["a", "b", "c"] * 4 + ["d"], 0.25, 0.25)):
        parts = split_by_class(classes, val, test, seed=3)
        everything = np.concatenate(list(parts.values()))
        assert sorted(everything) == list(range(len(classes)))
        assert [len(parts["val"]), len(parts["test"])] == [round(val * len(classes)), round(test * len(classes))]
        held = {part: Counter(classes[i] for i in numbers) for part, numbers in parts.items()}
        for name, count in Counter(classes).items():
            assert held["train"][name] >= 1
            assert abs(held["test"][name] - test * count) <= 1
            assert abs(held["val"][name] - val * count) <= 1
    assert [list(part) for part in split_by_class(classes, val, test, 3).values()] == [list(p) for p in parts.values()]
    assert list(split_by_class(classes, val, test, 4)["val"]) != list(parts["val"])


def test_a_split_that_leaves_nothing() -> None:
    assert [len(part) for part in split_by_class(["a", "b", "b"], 0.1, 0, 0).values()] == [2, 1, 0]
    with pytest.raises(
        ValueError, match=r"^val_fraction=0.5 and test_fraction=0.4 take 4 of 4 sequences, .* 2 classes"
    ):
        split_by_class(["a", "b", "b", "a"], 0.5, 0.4, 0)


def table(values: list[list[float]], *lengths: int) -> Sequences:
    count = len(lengths)
    return Sequences(
        ["x", "y"],
        np.array(values, float),
        np.array(lengths),
        [str(i) for i in range(count)],
        ["a", "b", "a"][:count],
        [Path("a.csv")] * count,
        np.arange(1, len(values) + 1),
    )


NAN, INF = float("nan"), float("inf")
GAPS = [[NAN, 1], [2, INF], [NAN, 3], [NAN, 4], [6, NAN]]


def test_statistics_and_gaps() -> None:
    part = table(GAPS, 3, 2)
    statistics = fit_statistics(part)
    assert statistics.mean == pytest.approx([4, 8 / 3])
    assert statistics.std == pytest.approx([2, np.std([1, 3, 4])])
    assert (statistics.class_names, statistics.sequences, statistics.steps) == (["a", "b"], 2, 5)
    mean = np.array(statistics.mean)
    assert filled(part, mean, "mask").tolist() == [[4, 1], [2, mean[1]], [4, 3], [4, 4], [6, mean[1]]]
    assert filled(part, mean, "ffill").tolist() == [[4, 1], [2, 1], [2, 3], [4, 4], [6, 4]]
    with pytest.raises(ValueError, match=r"^a.csv, column x, row 1 \(step 1 of sequence 0\) is empty; .*missing=mask"):
        filled(part, mean, "error")
    with pytest.raises(ValueError, match=r"^a.csv, column y, row 2 .* is inf; "):
        filled(part._replace(values=np.nan_to_num(part.values, posinf=INF)), mean, "error")
    huge = part._replace(values=np.nan_to_num(part.values, posinf=1e300))
    assert fit_statistics(huge).mean[1] < 3
    with pytest.raises(ValueError, match=r"^a.csv, column y, row 2 .*: 1e\+300 does not fit float32"):
        filled(huge, mean, "error")


def test_filling_equals_a_plain_loop() -> None:
    random = np.random.default_rng(1)
    lengths = random.integers(1, 9, 60)
    values = random.normal(size=(lengths.sum(), 2))
    values[random.random(values.shape) < 0.5] = NAN
    expected, step = values.copy(), 0
    for length in lengths:
        for column in range(2):
            last = [10.0, 20.0][column]
            for t in range(step, step + length):
                last = expected[t, column] = last if np.isnan(values[t, column]) else values[t, column]
        step += length
    part = table(values.tolist(), *lengths)._replace(labels=None)
    np.testing.assert_array_equal(filled(part, np.array([10.0, 20.0]), "ffill"), expected)


def test_a_constant_column_and_one_without_values() -> None:
    assert fit_statistics(table([[0.1, 1]] * 3, 2, 1)).std == [1, 1]
    with pytest.raises(ValueError, match=r"^a.csv, column y: no value in any training sequence"):
        fit_statistics(table([[1, NAN]] * 3, 2, 1))
    with pytest.raises(ValueError, match=r"^a.csv: all 1 training sequences are of the class 'a'; .* two classes"):
        fit_statistics(table([[1, 1]] * 3, 3))


def test_what_it_tells() -> None:
    write("a.csv", 30)
    module = data()
    assert (module.name, module.input_size, module.input_stats) == ("labelled", 2, None)
    module.setup("fit")
    assert module.class_names == ["down", "flat", "up"]
    assert (module.input_size, module.output_size, module.input_names) == (2, 3, ["x", "y"])
    assert module.name == "labelled:a"
    assert module.summary() == ("labelled:a: 24 train, 3 val, 3 test; 3 to 9 steps of 2; 3 classes: down, flat, up")
    assert module.facts() == {
        "files": [{"name": "a.csv", "bytes": Path("a.csv").stat().st_size}],
        "sequences": {"train": 24, "val": 3, "test": 3},
        "columns": ["x", "y"],
        "classes": ["down", "flat", "up"],
        "class_counts": [8, 8, 8],
        "baselines": {"majority": {"acc": 1 / 3, "acc_balanced": 1 / 3}},
    }
    train = module.splits["train"].steps.double()
    assert module.input_stats is not None
    assert module.input_stats[0] == pytest.approx(train.mean(0).tolist(), rel=1e-6)
    assert module.input_stats[1] == pytest.approx(train.std(0, correction=0).tolist(), rel=1e-6)
    assert ready(normalize=False).input_stats is None
    write("b.csv", 3, first=100)
    assert ready(test_files=["b.csv"]).name == "labelled:a+1"
    Path("more").mkdir()
    write("more/a.csv", 3, first=200)
    assert [file["name"] for file in ready("a.csv", "more/a.csv").facts()["files"]] == ["a.csv", "a.csv"]


def test_the_test_needs_no_training_file_once_it_was_learned() -> None:
    write("a.csv", 30)
    learned = ready().state_dict()
    Path("a.csv").unlink()
    write("b.csv", 9, first=4)
    module = data(test_files=["b.csv"])
    module.load_state_dict(learned)
    assert (module.output_size, module.input_stats) == (3, (learned["mean"], learned["std"]))
    module.setup("test")
    assert len(module.splits["test"]) == 9
    assert module.splits["test"].labels.tolist() == [1, 2, 0] * 3
    assert module.name == "labelled:b"
    with pytest.raises(FileNotFoundError, match=r"a.csv matches no file"):
        module.setup("fit")


def test_files_that_changed_since() -> None:
    write("a.csv", 30)
    before = ready().state_dict()
    again = data()
    again.load_state_dict(before)
    again.setup("test")
    assert len(again.splits["test"]) == 3
    write("a.csv", 30, seed=1)
    late = data()
    late.load_state_dict(before)
    with pytest.raises(
        ValueError, match=r"^labelled: the files are not what the training read \(steps \d+ then, \d+ now\)"
    ):
        late.setup("test")
    resumed = ready()
    with pytest.raises(ValueError, match=r"^labelled:a: the files are not what the training read"):
        resumed.load_state_dict(before)


def test_a_label_that_training_lacks() -> None:
    write("a.csv", 20, kinds=["down", "up"])
    write("b.csv", 3, first=50)
    message = r"^b.csv, row \d+: the label 'flat' does not occur in the training data; there is down, up$"
    for part in ("val_files", "test_files"):
        with pytest.raises(ValueError, match=message):
            ready(**{part: ["b.csv"]})


def test_an_id_is_in_one_part_only() -> None:
    write("a.csv", 20)
    write("b.csv", 3)
    with pytest.raises(ValueError, match=r"^id '[012]' stands in a.csv and in b.csv"):
        ready(test_files=["b.csv"])
    assert len(ready(test_files=["b.csv"], ids_per_file=True).splits["test"]) == 3


def test_a_file_is_in_one_part_only() -> None:
    write("a.csv", 20)
    write("b.csv", 3, first=50)
    for part in ("val_files", "test_files"):
        with pytest.raises(ValueError, match=rf"^b.csv is named by files and by {part}; a file belongs in one part"):
            ready("*.csv", **{part: ["./b.csv"]})
    trained = ready(test_files=["b.csv"]).state_dict()
    again = data(test_files=["a.csv"])
    again.load_state_dict(trained)
    again.setup("test")  # how well it knows what it was trained on may be asked
    assert len(again.splits["test"]) == 20


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"files": []}, r"files=\[\] leaves open which of your data to read; say so, such as datamodule.files="),
        ({"val_fraction": 1.1}, r"val_fraction=1.1 is out of range; give a number from 0 to 1"),
        ({"test_fraction": -0.1}, r"test_fraction=-0.1 is out of range"),
        ({"missing": "skip"}, r"missing=skip is not known; choose error, mask or ffill"),
        ({"delimiter": ""}, r"delimiter='' is not one character"),
        ({"inputs": ["x", "x"]}, r"inputs=\['x', 'x'\] names a column twice"),
        ({"batch_size": 0}, r"batch_size=0 is too small"),
    ],
)
def test_wrong_arguments_are_named(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        LabelledSeries(**{"files": ["a.csv"], **wrong})


def test_too_few_sequences_for_so_many_processes() -> None:
    write("a.csv", 30)
    module = ready()
    module.trainer = pl.Trainer(
        accelerator="cpu",
        devices=4,
        strategy="ddp",
        use_distributed_sampler=False,
        logger=False,
        enable_checkpointing=False,
    )
    with pytest.raises(
        ValueError, match=r"^eval_batch_size=256 makes batches of 3 of 3 rows of val, which 4 processes"
    ):
        module.val_dataloader()
