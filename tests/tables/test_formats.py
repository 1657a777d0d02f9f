"""A format is one module: a file in the folder, or one that a package names in its entry points."""

import importlib.metadata
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from seqmodels import tables
from seqmodels.tables.formats import formats
from seqmodels.tables.paths import expand
from seqmodels.tables.read import blocks
from tests.conftest import Command

FOO = '''
"""Numbers in hexadecimal, a row a line, below the names of the columns."""

from pathlib import Path

import pyarrow as pa

SUFFIXES = (".foo",)


def column_names(path, marks):
    return path.read_text().split("\\n")[0].split()


def batches(path, numbers, others, marks):
    names, *lines = (line.split() for line in path.read_text().splitlines())
    for first in range(0, len(lines), 100):
        columns = dict(zip(names, zip(*lines[first : first + 100])))
        yield {name: pa.array([float.fromhex(cell) for cell in columns[name]]) for name in (*numbers, *others)}
'''
WORDS = [
    "datamodule=series", "module=regressor", "monitor=val/loss", "mode=min", "datamodule.files=[x.foo]",
    "datamodule.inputs=[a]", "datamodule.targets=[a]", "datamodule.horizon=1", "datamodule.window=10",
    "datamodule.cache=cache", "trainer=cpu", "threads=1", "callbacks=checkpoints", "core.hidden_size=4",
    "hydra.run.dir=run",
]  # fmt: skip


@pytest.fixture(params=["folder", "entry point"])
def _foo(request: pytest.FixtureRequest, _away_from_home: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The format as a new file, and nothing else."""
    if request.param == "folder":
        Path("more").mkdir()
        monkeypatch.setattr(tables, "__path__", [*tables.__path__, str(Path("more").absolute())])
        Path("more/foo_format.py").write_text(FOO)
    else:
        Path("their_format.py").write_text(FOO)
        Path("theirs-1.0.dist-info").mkdir()
        Path("theirs-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
        Path("theirs-1.0.dist-info/entry_points.txt").write_text("[seqmodels.formats]\nfoo = their_format\n")
        monkeypatch.syspath_prepend(str(Path.cwd()))
    known = set(sys.modules)
    importlib.invalidate_caches()
    formats.cache_clear()
    yield
    formats.cache_clear()
    for name in {"their_format", "seqmodels.tables.foo_format"} & (set(sys.modules) - known):
        del sys.modules[name]


def write() -> np.ndarray:
    a = np.sin(np.arange(250) / 5)
    Path("x.foo").write_text("a b\n" + "".join(f"{value.hex()} {float(row).hex()}\n" for row, value in enumerate(a)))
    return a


@pytest.mark.usefixtures("_foo")
def test_a_new_format_is_read() -> None:
    a = write()
    assert expand(["x.foo"]) == [Path("x.foo")]
    found = list(blocks(Path("x.foo"), ["b", "a"], times=["b"]))
    assert [(block.first, block.rows) for block in found] == [(1, 100), (101, 100), (201, 50)]
    np.testing.assert_array_equal(np.concatenate([block.numbers["a"] for block in found]), a)
    with pytest.raises(ValueError, match=r"^x.foo has no column 'c'; there is: a, b"):
        list(blocks(Path("x.foo"), ["c"]))
    Path("y.txt").touch()
    with pytest.raises(ValueError, match=r"^y.txt is of no known kind; files of numbers end in .csv, .*\.foo"):
        expand(["y.txt"])


@pytest.mark.usefixtures("_foo")
def test_a_new_format_trains_and_a_prediction_of_it_says_what_it_can_read(
    command: Command, invoke: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    write()
    assert command(*WORDS) == 0
    capsys.readouterr()
    assert invoke("predict", "run=run", "input=x.foo", "output=out.csv") == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert line.startswith("error: input=x.foo ")


def test_the_formats_are_those_in_the_folder() -> None:
    assert list(formats()) == [".csv", ".csv.gz", ".npy", ".npz", ".parquet", ".pq"]
    for module in formats().values():
        assert module.column_names.__doc__
        assert module.batches.__doc__
