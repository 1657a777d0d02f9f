"""Where rows come from: standard input or a file; `format`, its name or its first byte tells how it is written."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seqmodels.cli.arguments import Arguments
from seqmodels.predicting.places import input_format
from seqmodels.predicting.rows.csv import CsvRows
from seqmodels.predicting.rows.errors import RowErrors
from seqmodels.predicting.rows.json import JsonRows
from seqmodels.predicting.rows.lines import Lines, PackedLines
from seqmodels.predicting.rows.parquet import ParquetRows
from seqmodels.predicting.rows.reader import Source
from seqmodels.predicting.stopping import Stopping
from seqmodels.system.untrusted import open_regular
from seqmodels.tables.formats import Marks


@contextmanager
def opened(given: Arguments, marks: Marks, errors: RowErrors, stopping: Stopping) -> Iterator[Source]:
    """The input, open.

    Args:
        given: the arguments of `predict`.
        marks: how the run's files are written; the input is written so too.
        errors: hears of malformed rows.
        stopping: ends the waiting for rows.

    Raises:
        ValueError, OSError: it cannot be read, or has no header.
    """
    path, format = Path(given["input"]).expanduser(), input_format(given)
    if given["input"] == "-":
        yield _text(Lines(0, errors.name, True, stopping), format, marks, errors)
    elif format == "parquet":
        yield ParquetRows(path, marks)
    elif path.is_dir():
        raise IsADirectoryError(f"input={given['input']} is a folder; name a file in it")
    elif path.name.lower().endswith(".csv.gz"):
        with open_regular(path) as file:
            yield _text(PackedLines(file, errors.name, stopping), format, marks, errors)
    else:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a named pipe has no writer yet
        try:
            live = not stat.S_ISREG(os.fstat(fd).st_mode)
            yield _text(Lines(fd, errors.name, live, stopping), format, marks, errors)
        finally:
            os.close(fd)


def _text(lines: Lines, format: str | None, marks: Marks, errors: RowErrors) -> Source:
    if format is None:
        format = "jsonl" if lines.first_byte() == b"{" else "csv"
    return JsonRows(lines, errors) if format == "jsonl" else CsvRows(lines, marks, errors)
