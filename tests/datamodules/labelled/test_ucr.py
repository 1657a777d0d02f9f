"""Files of the UCR and UEA archives, as they are published: what is read, and what is refused by name."""

from pathlib import Path

import numpy as np
import pytest

from seqmodels.datamodules.labelled.sequences import Sequences
from seqmodels.datamodules.labelled.ucr import read_ucr

HEADER = "@problemName a\n@timeStamps false\n@classLabel true x y\n"


def read(name: str, text: str, labelled: bool = True) -> Sequences:
    Path(name).write_text(text)
    return read_ucr(Path(name), labelled)


def arrays(found: Sequences) -> list[list[list[float]]]:
    return [part.tolist() for part in np.split(found.values, found.starts[1:])]


def test_tsv() -> None:
    found = read("a.tsv", "1\t0.5\t-1\t2e1\n-1\t3\tNaN\t4\n2.0000000e+00\t7\tNaN\tnan\n")
    np.testing.assert_equal(arrays(found), [[[0.5], [-1], [20]], [[3], [np.nan], [4]], [[7]]])
    assert found.labels == ["1", "-1", "2"]
    assert found.ids == ["1", "2", "3"]
    assert found.rows.tolist() == [1, 1, 1, 2, 2, 2, 3]
    assert found.columns == ["0"]


def test_ts_with_dimensions_lengths_and_gaps() -> None:
    text = "\ufeff#Data of \u00e9 persons\n#\n@problemName Two\n@timeStamps false\n@missing true\n@univariate false\n"
    text += "@dimensions 2\n@equalLength false\n@classLabel true walking at rest\n@data\n"
    text += "1,2, 3:-1,-2,-3:walking\n?,5:6,?:at rest \n\n7:8:walking\r\n"
    found = read("a.ts", text)
    expected = [[[1, -1], [2, -2], [3, -3]], [[np.nan, 6], [5, np.nan]], [[7, 8]]]
    np.testing.assert_equal(arrays(found), expected)
    assert found.labels == ["walking", "at rest", "walking"]
    assert found.lengths.tolist() == [3, 2, 1]
    assert found.columns == ["0", "1"]


def test_keys_of_a_header_may_be_written_small() -> None:
    assert read("a.ts", "@timestamps false\n@classlabel true 0 1\n@DATA\n1,2:0\n").labels == ["0"]


def test_labels_are_not_needed_for_a_prediction() -> None:
    found = read("a.ts", "@classLabel false\n@data\n1,2:3,4\n5:6\n", labelled=False)
    assert found.labels is None
    assert arrays(found) == [[[1, 3], [2, 4]], [[5, 6]]]
    assert arrays(read("a.ts", f"{HEADER}@data\n1,2:x\n", labelled=False)) == [[[1], [2]]]
    assert arrays(read("a.tsv", "1\t5\n", labelled=False)) == [[[5]]]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.tsv", "", r"a.tsv holds no sequences; expected at least one"),
        ("a.tsv", "1,2,3\n", r"a.tsv, row 1: no tab in '1,2,3'; expected a label"),
        ("a.tsv", "1\t2\n1\t2\tthree\n", r"a.tsv, row 2, step 2: 'three' is not a number"),
        ("a.tsv", "1\t2\n2\tNaN\tNaN\n", r"a.tsv, row 2: the sequence has no steps"),
        ("a.tsv", "1\t2\nNaN\t2\n", r"a.tsv, row 2: the label is missing"),
        ("a.ts", f"{HEADER}@data\n", r"a.ts holds no sequences"),
        ("a.ts", HEADER, r"a.ts has no @data line"),
        ("a.ts", "1,2:x\n", r"a.ts: '1,2:x' stands before @data"),
        ("a.ts", f"{HEADER}@data\n1,2:x\n3,4\n", r"a.ts, row 2: no steps; expected dimensions of the same length"),
        ("a.ts", f"{HEADER}@data\n1,2:3:x\n", r"a.ts, row 1: 1 and 2 steps; expected dimensions of the same length"),
        ("a.ts", f"{HEADER}@data\n1,2:3,4:x\n1,2:x\n", r"a.ts, row 2: 1 dimensions, where row 1 has 2"),
        ("a.ts", f"{HEADER}@data\n1,b:x\n", r"a.ts, row 1, step 2: 'b' is not a number"),
        ("a.ts", f"{HEADER}@data\n1,2:\n", r"a.ts, row 1: the label is missing"),
        ("a.ts", "@timeStamps true\n@classLabel true x\n@data\n(0,1):x\n", r"a.ts has time stamps .* not supported"),
        ("a.ts", "@classLabel false\n@data\n1,2\n", r"a.ts has no class labels \(@classLabel\)"),
        ("a.ts", "@targetLabel true\n@data\n1,2:0.5\n", r"a.ts holds numbers to predict \(@targetLabel\), not classes"),
    ],
)
def test_faults_are_named(name: str, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        read(name, text)
