"""The kinds of files that tables come in: one module each, found by being there.

A module `foo_format` in this folder, or one that an installed package names in its entry points

    [project.entry-points."seqmodels.formats"]
    foo = "my_package.foo_format"

says three things, after which `datamodule.files=[x.foo]` is read (`numpy_format.py` is a short one):

    SUFFIXES = (".foo",)

    def column_names(path, marks): ...              the columns, in order
    def batches(path, numbers, others, marks): ...  blocks of rows, each a pyarrow array by the name of its column
"""

import pkgutil
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

if TYPE_CHECKING:
    import pyarrow as pa


class Marks(NamedTuple):
    """How a table is written. Only `missing_values` and `time_format` mean something outside of text files.

    Attributes:
        delimiter: between the cells of a row.
        decimal: before the decimals of a number.
        missing_values: numbers and texts that stand for a missing number.
        time_format: of dates, as `datetime.strptime` has it; None: ISO 8601.
        comment: lines that begin with this character are no rows; None: there are none.
        skip_rows: lines above the header, which are not read.
        header: whether a line names the columns; false: they are called 0, 1, ...
        unit_rows: rows below the header that are not data, such as units.
    """

    delimiter: str = ","
    decimal: str = "."
    missing_values: tuple[str | float, ...] = ()
    time_format: str | None = None
    comment: str | None = None
    skip_rows: int = 0
    header: bool = True
    unit_rows: int = 0


class Format(Protocol):
    """What a module says of its kind of file.

    Attributes:
        SUFFIXES: of the names of such files, in lower case, with the dot.
    """

    SUFFIXES: Sequence[str]

    def column_names(self, path: Path, marks: Marks) -> list[str]:
        """
        Raises:
            ValueError: the file is empty or damaged; the message begins with its path.
        """

    def batches(
        self, path: Path, numbers: Sequence[str], others: Sequence[str], marks: Marks
    ) -> "Iterator[dict[str, pa.Array]]":
        """Some ten thousand rows at a time, so that a file may be larger than the memory.

        Args:
            path: of the file, whose columns are known to hold what is wanted.
            numbers: columns that are wanted as numbers alone. They may come as texts, which are then converted.
            others: further columns, in their own type or as texts as they stand in the file.
            marks: how text files are written; others need not look at them.

        Raises:
            ValueError: the file is damaged; the message names path and row.
        """


@cache
def formats() -> dict[str, Format]:
    """By suffix."""
    package = __name__.rpartition(".")[0]
    inside = sorted(module.name for module in pkgutil.iter_modules(import_module(package).__path__))
    modules = [import_module(f"{package}.{name}") for name in inside if name.endswith("_format")]
    modules += [entry.load() for entry in entry_points(group="seqmodels.formats")]
    return {suffix: cast(Format, module) for module in modules for suffix in module.SUFFIXES}


def suffix_of(path: Path, known: Iterable[str]) -> str | None:
    """The known suffix that the file's name ends in, which may be a double one such as .csv.gz; None for none."""
    found = [suffix for suffix in known if path.name.lower().endswith(suffix)]
    return max(found, key=len, default=None)
