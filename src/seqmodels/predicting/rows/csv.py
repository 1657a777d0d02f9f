"""The rows of a CSV, as they come."""

import csv
from collections.abc import Iterator, Sequence
from typing import Any

from seqmodels.predicting.rows.errors import BadRow, RowErrors
from seqmodels.predicting.rows.lines import Lines, decoded
from seqmodels.tables.formats import Marks


class CsvRows:
    """A header and the rows below it; empty lines are no rows.

    Attributes:
        names: the header's.
        sparse: no row leaves columns out.
    """

    sparse = False

    def __init__(self, lines: Lines, marks: Marks, errors: RowErrors) -> None:
        """
        Raises:
            ValueError: there is no header.
        """
        self._lines, self._errors = lines, errors
        self._delimiter = marks.delimiter
        self._reader = csv.reader(_read(lines, marks), delimiter=marks.delimiter, strict=True)
        self._first: list[str] | None = None
        try:
            self.names = next((cells for cells in self._reader if cells), [])
            if not marks.header:
                self._first, self.names = self.names, [str(column) for column in range(len(self.names))]
            for _ in range(marks.unit_rows):
                next((cells for cells in self._reader if cells), None)
        except (csv.Error, BadRow) as error:
            if "new-line character" in str(error):
                raise ValueError(
                    f"{lines.name}: its lines end with a carriage return alone; write them anew with "
                    "tr '\\r' '\\n' < OLD > NEW.csv"
                ) from error
            raise ValueError(f"{lines.name}: the header cannot be read: {error}") from error
        if not self.names:
            raise ValueError(f"{lines.name} is empty; expected a header, and rows below it")

    @property
    def arrived(self) -> float:
        """When the text of the last row was there."""
        return self._lines.arrived

    def rows(self, wanted: Sequence[str], id: str | None = None) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """Numbers of rows, counted from 1, and their cells of the wanted columns."""
        places = [self.names.index(name) for name in wanted]
        for number, cells in enumerate(self._records(), 1):
            if isinstance(cells, BadRow):
                self._errors.report(number, cells)
            else:
                yield number, tuple([cells[place] for place in places])

    def _records(self) -> Iterator[list[str] | BadRow]:
        if self._first is not None:
            yield self._first
        while True:
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except BadRow as error:
                yield error
            except csv.Error as error:
                yield BadRow(_complaint(error, self._delimiter))
            else:
                if cells:
                    yield cells if len(cells) == len(self.names) else self._uneven(cells)

    def _uneven(self, cells: list[str]) -> BadRow:
        text = self._delimiter.join(cells)
        return BadRow(
            f"{len(cells)} cells where the header has {len(self.names)}: {text[:80]}{'…' if len(text) > 80 else ''}"
        )


def _complaint(error: csv.Error, delimiter: str) -> str:
    if "field limit" in str(error):
        return (
            f"a cell of more than {csv.field_size_limit():,} characters; a quote that is opened and not closed makes "
            f"one cell of all that follows"
        )
    return f"{error}; a cell that holds {delimiter!r} or quotes must stand in quotes"


def _read(lines: Lines, marks: Marks) -> Iterator[str]:
    """The header and what is below it."""
    comment = marks.comment
    texts: Iterator[str] = map(decoded, lines)  # like `filter`, and unlike a generator, it goes on behind an error
    if comment:
        texts = filter(lambda text: not text.lstrip(" \t").startswith(comment), texts)
    for _ in range(marks.skip_rows):
        next(texts, None)
    return texts
