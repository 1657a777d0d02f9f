"""Long tables of labelled sequences: what is read equals a plain loop's, and every fault is named by file and row."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from seqmodels.datamodules.labelled.files import read_files
from seqmodels.datamodules.labelled.sequences import Sequences, class_name, in_order
from seqmodels.datamodules.labelled.tables import Columns, read_table
from seqmodels.tables import csv_format

COLUMNS = Columns("who", "what", ["x", "y"], "t")
GOOD = "who,t,what,x,y\na,1,run,1,10\nb,1,rest,2,20\na,2,run,3,30\n"


def csv(text: str, name: str = "a.csv") -> Path:
    Path(name).write_text(text)
    return Path(name)


def sequences(found: Sequences) -> dict[str, tuple[str, list[list[float]], list[int]]]:
    """What each id holds: its label, its steps and their rows."""
    values, rows = (np.split(array, found.starts[1:]) for array in (found.values, found.rows))
    return {
        name: (label, steps.tolist(), numbers.tolist())
        for name, label, steps, numbers in zip(found.ids, found.labels or [], values, rows, strict=True)
    }


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_equals_a_plain_loop(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_format, "BLOCK", 2**12)
    random = np.random.default_rng(0)
    who = random.integers(0, 40, 3000)
    x = random.normal(size=(3000, 2)).round(4)
    labels = np.array(["rest", "run", "walk"])[who % 3]
    table = pa.table({"who": who, "t": np.arange(3000), "what": labels, "x": x[:, 0], "y": x[:, 1]})
    if kind == "csv":
        pyarrow.csv.write_csv(table, "a.csv")
    else:
        pq.write_table(table, "a.parquet", row_group_size=700)
    found = sequences(read_table(Path(f"a.{kind}"), COLUMNS))
    expected: dict = {}
    for row in range(3000):
        _, steps, rows = expected.setdefault(str(who[row]), (str(labels[row]), [], []))
        steps.append(x[row].tolist())
        rows.append(row + 1)
    assert found == expected
    assert list(found) == list(expected)


def test_without_an_id_each_file_is_a_sequence() -> None:
    for name in ("c", "d"):
        csv(f"what,x\n{name},1\n{name},2\n", f"{name}.csv")
    found = read_files(["*.csv"], Columns(None, "what", ["x"]), unique_ids=False)
    assert sequences(found) == {"c": ("c", [[1], [2]], [1, 2]), "d": ("d", [[1], [2]], [1, 2])}


def test_chosen_sequences_keep_their_rows() -> None:
    csv(GOOD)
    csv("who,t,what,x,y\nc,1,run,5,50\nc,2,run,6,60\n", "b.csv")
    whole = read_files(["*.csv"], COLUMNS, unique_ids=True)
    chosen = whole.chosen(np.array([2, 0]))
    assert sequences(chosen) == {name: sequences(whole)[name] for name in ("c", "a")}
    assert chosen.place(3, 1) == "a.csv, column y, row 3 (step 2 of sequence a)"
    assert whole.place(3, 0) == "b.csv, column x, row 1 (step 1 of sequence c)"


def test_how_classes_are_called_and_ordered() -> None:
    written = ["1", "01", "1.0", "1.0000000e+00", "-1", "-1.0", "1.5", "1e", "run", "2024", "inf"]
    assert [class_name(text) for text in written] == [
        "1",
        "01",
        "1",
        "1",
        "-1",
        "-1",
        "1.5",
        "1e",
        "run",
        "2024",
        "inf",
    ]
    assert [class_name(text) for text in ("1e+10", "1.5e+01", "-0.0")] == ["10000000000", "15", "0"]
    assert in_order(["10", "9", "-1", "9", "1.5"]) == ["-1", "1.5", "9", "10"]
    assert in_order(["b", "10", "9"]) == ["10", "9", "b"]


@pytest.mark.parametrize("ids", [["00e1", "00e2", "0"], ["-12345678901234567", "-12345678901234568"]])
def test_ids_that_a_float_cannot_tell_apart(ids: list[str]) -> None:
    csv("who,what,x\n" + "".join(f"{name},run,{row}\n" for row, name in enumerate(ids)))
    assert read_table(Path("a.csv"), Columns("who", "what", ["x"])).ids == ids


def test_the_same_label_is_the_same_class_in_every_kind_of_file() -> None:
    csv("who,what,x\na,1,5\n")
    pq.write_table(pa.table({"who": ["b"], "what": [1.0], "x": [5]}), "b.parquet")
    found = read_files(["a.csv", "b.parquet"], Columns("who", "what", ["x"]), unique_ids=True)
    assert found.labels == ["1", "1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("a,2,run", "a,2,walk"), r"a.csv, column what, row 3: 'walk', but sequence a is 'run' above"),
        (GOOD.replace("a,2", ",2"), r"a.csv, column who, row 3 is empty; every row needs one"),
        (GOOD.replace("rest", ""), r"a.csv, column what, row 2 is empty; every row needs one"),
        (GOOD.replace("a,2", "a,1"), r"a.csv, column t, row 3: 1 does not come after 1 in row 1 of the same sequence"),
        (GOOD.replace("30", "much"), r"a.csv, column y, row 3: 'much' is not a number"),
        (GOOD.replace("what", "activity"), r"a.csv has no column 'what'; there is: who, t, activity, x, y"),
        ("who,t,what,x,y\n", r"a.csv holds no rows"),
    ],
)
def test_faults_are_named(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        read_table(csv(text), COLUMNS)


def test_a_label_that_is_missing_in_parquet() -> None:
    pq.write_table(pa.table({"who": ["a", "b"], "what": [1.0, float("nan")], "x": [5, 6]}), "b.parquet")
    with pytest.raises(ValueError, match=r"^b.parquet, column what, row 2 is empty"):
        read_table(Path("b.parquet"), Columns("who", "what", ["x"]))


def test_files_that_do_not_go_together() -> None:
    csv(GOOD)
    csv(GOOD, "b.csv")
    Path("c.ts").write_text("@classLabel true run\n@data\n1,2:run\n")
    with pytest.raises(ValueError, match=r"^id 'a' stands in a.csv and in b.csv; .*ids_per_file=true"):
        read_files(["a.csv", "b.csv"], COLUMNS, unique_ids=True)
    assert read_files(["a.csv", "b.csv"], COLUMNS, unique_ids=False).ids == ["a", "b", "a", "b"]
    with pytest.raises(ValueError, match=r"^c.ts holds 1 values a step, a.csv 2"):
        read_files(["a.csv", "c.ts"], COLUMNS, unique_ids=True)
    for lacking, columns in (("inputs", COLUMNS._replace(inputs=[])), ("label", COLUMNS._replace(label=None))):
        with pytest.raises(ValueError, match=f"^a.csv is a table: .* datamodule.{lacking}="):
            read_files(["a.csv"], columns, unique_ids=True)
    Path("a.txt").touch()
    with pytest.raises(ValueError, match=r"^a.txt is of no known kind; files of numbers end in .csv, .*, .ts, .tsv"):
        read_files(["a.txt"], COLUMNS, unique_ids=True)
