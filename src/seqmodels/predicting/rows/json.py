"""The rows of JSON lines, as they come: one object a line."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from seqmodels.predicting.rows.cells import Literal
from seqmodels.predicting.rows.errors import BadRow, RowErrors
from seqmodels.predicting.rows.lines import Lines, decoded


class JsonRows:
    """Objects, of which the first well-formed one tells the columns; empty lines are no rows.

    Attributes:
        names: keys of the first object; none if there is none.
        sparse: rows may leave columns out.
    """

    sparse = True

    def __init__(self, lines: Lines, errors: RowErrors) -> None:
        self._lines, self._errors = lines, errors
        self._records = self._read()
        self._first = next(self._records, None)
        self.names = list(self._first[1]) if self._first else []

    @property
    def arrived(self) -> float:
        """When the text of the last row was there."""
        return self._lines.arrived

    def rows(self, wanted: Sequence[str], id: str | None = None) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """Numbers of rows, counted from 1, and their values of the wanted keys; None where there is none."""
        if self._first:
            number, record = self._first
            yield number, tuple(map(record.get, wanted))
        for number, record in self._records:
            yield number, tuple(map(record.get, wanted))

    def _read(self) -> Iterator[tuple[int, dict[str, Any]]]:
        filled = (line for line in self._lines if not line.isspace())
        for number, line in enumerate(filled, 1):
            try:
                record = _parsed(decoded(line))
            except BadRow as error:
                self._errors.report(number, error)
            else:
                yield number, record


def _parsed(text: str) -> dict[str, Any]:
    try:
        record = json.loads(text, parse_float=Literal)
    except (ValueError, RecursionError) as error:
        raise BadRow(f"{text.strip()[:80]} is not JSON: {error}") from error
    if not isinstance(record, dict):
        raise BadRow(f'{text.strip()[:80]} is not an object; expected a line such as {{"x": 0.5}}')
    return record
