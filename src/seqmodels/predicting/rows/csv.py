"""The rows of a CSV, as they come."""

import csv
from collections.abc import Iterator, Sequence
from typing import Any

from seqmodels.predicting.rows.errors import BadRow, RowErrors
from seqmodels.predicting.rows.lines import Lines, decoded


class CsvRows:
    """A header and the rows below it; empty lines are no rows.

    Attributes:
        names: the header's.
        sparse: no row leaves columns out.
    """

    sparse = False

    def __init__(self, lines: Lines, delimiter: str, errors: RowErrors) -> None:
        """
        Raises:
            ValueError: there is no header.
        """
        self._lines, self._errors = lines, errors
        self._delimiter = delimiter
        self._reader = csv.reader(map(decoded, lines), delimiter=delimiter, strict=True)
        try:
            self.names = next((cells for cells in self._reader if cells), [])
        except (csv.Error, BadRow) as error:
            raise ValueError(f"{lines.name}: the header cannot be read: {error}") from error
        if not self.names:
            raise ValueError(f"{lines.name} is empty; expected a header, and rows below it")

    @property
    def arrived(self) -> float:
        """When the text of the last row was there."""
        return self._lines.arrived

    def rows(self, wanted: Sequence[str]) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """Numbers of rows, counted from 1, and their cells of the wanted columns."""
        places = [self.names.index(name) for name in wanted]
        for number, cells in enumerate(self._records(), 1):
            if isinstance(cells, BadRow):
                self._errors.report(number, cells)
            else:
                yield number, tuple([cells[place] for place in places])

    def _records(self) -> Iterator[list[str] | BadRow]:
        while True:
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except BadRow as error:
                yield error
            except csv.Error as error:
                yield BadRow(f"{error}; a cell that holds {self._delimiter!r} or quotes must stand in quotes")
            else:
                if cells:
                    yield cells if len(cells) == len(self.names) else self._uneven(cells)

    def _uneven(self, cells: list[str]) -> BadRow:
        text = self._delimiter.join(cells)
        return BadRow(
            f"{len(cells)} cells where the header has {len(self.names)}: {text[:80]}{'…' if len(text) > 80 else ''}"
        )
