"""CSV files as instruments write them: lines above the header, comments, units, no header, compressed."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from seqmodels.predicting.rows.csv import CsvRows
from seqmodels.predicting.rows.errors import RowErrors
from seqmodels.predicting.rows.lines import Lines
from seqmodels.predicting.stopping import Stopping
from seqmodels.tables import csv_format
from seqmodels.tables.formats import Marks
from seqmodels.tables.read import blocks

LAYOUTS = {
    "plain": ("a,b\n1,2\n3,4\n", Marks()),
    "lines above": ("Logger 7\nstation: north, roof\na,b\n1,2\n3,4\n", Marks(skip_rows=2)),
    "empty lines above": ("Logger 7\n\n\na,b\n1,2\n3,4\n", Marks(skip_rows=3)),
    "units": ("a,b\nm/s,degC\n1,2\n3,4\n", Marks(unit_rows=1)),
    "no header": ("1,2\n3,4\n", Marks(header=False)),
    "comments": ("# made by 7\na,b\n#units,none\n1,2\n  # a gap, here\n3,4\n# end", Marks(comment="#")),
    "comments behind a mark of the order of bytes": ("\ufeff% made by 7\r\na,b\r\n1,2\r\n3,4\r\n", Marks(comment="%")),
    "all": (
        "# of 7\nLogger;\na;b\n# units\ns;m\n1,0;2\n3;4,0\n",
        Marks(";", ",", comment="#", skip_rows=1, unit_rows=1),
    ),
    "all without a header": ("# of 7\nLogger\n1;2\n#\n3;4\n", Marks(";", comment="#", skip_rows=1, header=False)),
}


def predicted(path: Path, marks: Marks) -> tuple[list[str], list[tuple[str, ...]]]:
    with Stopping() as stopping, path.open("rb") as file:
        rows = CsvRows(Lines(file.fileno(), str(path), False, stopping), marks, RowErrors(str(path), False))
        return rows.names, [cells for _, cells in rows.rows(rows.names)]


@pytest.mark.parametrize("kind", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_training_and_prediction_read_the_same_rows(kind: str, layout: str) -> None:
    text, marks = LAYOUTS[layout]
    names = ["a", "b"] if marks.header else ["0", "1"]
    path = Path(kind)
    path.write_bytes(gzip.compress(text.encode()) if kind.endswith(".gz") else text.encode())
    assert csv_format.column_names(path, marks) == names
    for order in (names, names[::-1]):
        (block,) = blocks(path, order, marks=marks)
        assert [block.numbers[name].tolist() for name in names] == [[1, 3], [2, 4]]
    (block,) = blocks(path, [names[0]], [names[1]], marks=marks)
    assert [float(text.replace(",", ".")) for text in block.texts[names[1]].values] == [2, 4]
    if kind == "a.csv":
        found, rows = predicted(path, marks)
        assert found == names
        assert [[float(cell.replace(",", ".")) for cell in row] for row in rows] == [[1, 2], [3, 4]]


def test_comments_at_the_borders_of_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"{row},{row * 2}" for row in range(3000)]
    with_comments = [
        one for row, line in enumerate(lines) for one in ([f"# {row}, " + "x" * (row % 60)] * (row % 3) + [line])
    ]
    Path("a.csv").write_text("\n".join(["a,b", *with_comments]))
    for block in (64, 100, 257, 2**20):
        monkeypatch.setattr(csv_format, "BLOCK", block)
        found = list(blocks(Path("a.csv"), ["b", "a"], marks=Marks(comment="#")))
        np.testing.assert_array_equal(np.concatenate([part.numbers["a"] for part in found]), np.arange(3000))
        np.testing.assert_array_equal(np.concatenate([part.numbers["b"] for part in found]), 2 * np.arange(3000))


@pytest.mark.parametrize(
    ("text", "marks", "message"),
    [
        ("# by 7\na,b\n1,2\n", Marks(), r"row 1: 2 cells where .* 1: a,b; .*datamodule.skip_rows=NUMBER"),
        ("a,b\n1,2\n# 7\n3,4\n", Marks(), r"row 2: 1 cells where .* 2: # 7; .* 'datamodule.comment=\"#\"'$"),
        ("a,b\nm,s\n1,2\n3\n", Marks(unit_rows=1), r"row 2: 1 cells where the header has 2: 3;"),
        ("1\n2\nx,\na,b\n1,2\n3\n", Marks(skip_rows=3), r"row 2: 1 cells where the header has 2: 3;"),
        ("1,2\n3\n", Marks(header=False), r"row 2: 1 cells where the header has 2: 3;"),
        ("a,b\nm,s\n1,2\n", Marks(), r"column a, row 1: 'm' is not a number; .*datamodule.unit_rows=1"),
        ("a,b\n1,2\n", Marks(skip_rows=7), r"holds no rows; .* \(datamodule.skip_rows=7\)"),
        ("a,b\n# 1,2\n", Marks(comment="#"), "holds no rows"),
    ],
)
def test_what_to_do_about_lines_that_are_no_rows(text: str, marks: Marks, message: str) -> None:
    Path("a.csv").write_text(text)
    names = (
        ["a", "b"] if marks.header and not text.startswith("# by") else ["0", "1"] if not marks.header else ["# by 7"]
    )
    with pytest.raises(ValueError, match=rf"^a.csv.*{message}"):
        list(blocks(Path("a.csv"), names, marks=marks))


def test_damaged_compression() -> None:
    whole = gzip.compress(b"a,b\n" + b"".join(b"%d,%d\n" % (row, row * row) for row in range(5000)))
    for contents in (whole[: len(whole) // 2], whole[:200] + bytes(50) + whole[250:], b"a,b\n1,2\n", b""):
        Path("a.csv.gz").write_bytes(contents)
        for marks in (Marks(), Marks(comment="#")):
            with pytest.raises(ValueError, match=r"^a.csv.gz (cannot be read as CSV|holds no rows)"):
                list(blocks(Path("a.csv.gz"), ["a"], marks=marks))
