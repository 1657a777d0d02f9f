"""From the cells of a row to what a model reads; where rows come from, whatever the format."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from seqmodels.predicting.rows.cells import as_number, as_text
from seqmodels.predicting.rows.clock import Clock, Time
from seqmodels.predicting.rows.columns import Columns
from seqmodels.predicting.rows.errors import BadRow, RowErrors
from seqmodels.tables.formats import Marks


class Source(Protocol):
    """A table that is read row by row.

    Attributes:
        names: of its columns.
        sparse: whether rows may leave columns out.
    """

    names: list[str]
    sparse: bool

    @property
    def arrived(self) -> float:
        """When the text of the last row was there, by `time.perf_counter`."""

    def rows(self, wanted: Sequence[str], id: str | None = None) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """Numbers of rows, counted from 1, and their cells of the wanted columns, of which `id` names streams."""


class Row(NamedTuple):
    """One step of one stream.

    Attributes:
        number: counted from 1.
        values: (D,) inputs, NaN where missing.
        id: of the stream.
        time: as far as the input has one.
        shown: cells as they stood, for the output.
        arrived: when, by `time.perf_counter`.
    """

    number: int
    values: list[float]
    id: str | None
    time: Time | None
    shown: tuple[Any, ...]
    arrived: float


class Reader:
    """Reads rows."""

    def __init__(self, columns: Columns, marks: Marks, clock: Clock) -> None:
        """
        Args:
            columns: of the input.
            marks: how numbers are written.
            clock: reads times.
        """
        self.columns, self.marks, self.clock = columns, marks, clock
        self._inputs = len(columns.inputs)
        shown = columns.shown
        self._id = None if columns.id is None else self._inputs + shown.index(columns.id)
        self._time = None if columns.time is None else self._inputs + shown.index(columns.time)

    def rows(self, source: Source, errors: RowErrors) -> Iterator[Row]:
        """The rows of a source that can be read."""
        for number, cells in source.rows([*self.columns.inputs, *self.columns.shown], self.columns.id):
            try:
                row = self._row(number, cells, source.arrived)
            except BadRow as error:
                errors.report(number, error)
            else:
                yield row

    def _row(self, number: int, cells: tuple[Any, ...], arrived: float) -> Row:
        values = self._values(cells[: self._inputs])
        id = None if self._id is None else as_text(cells[self._id])
        if id == "":
            raise BadRow(f"{self.columns.id}: the id is missing, so it is not known which stream goes on")
        moment = None if self._time is None else self._moment(cells[self._time])
        return Row(number, values, id, moment, cells[self._inputs :], arrived)

    def _values(self, cells: tuple[Any, ...]) -> list[float]:
        values = []
        for name, cell in zip(self.columns.inputs, cells, strict=True):
            try:
                values.append(as_number(cell, self.marks))
            except BadRow as error:
                raise BadRow(f"{name}: {error}") from None
        return values

    def _moment(self, cell: Any) -> Time:
        try:
            return self.clock.read(cell)
        except BadRow as error:
            raise BadRow(f"{self.columns.time}: {error}") from None
