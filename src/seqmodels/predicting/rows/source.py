"""Where rows come from: standard input or a file, in a format that its name, a word or its first byte tells."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from omegaconf import DictConfig

from seqmodels.predicting.rows.csv import CsvRows
from seqmodels.predicting.rows.faults import Faults
from seqmodels.predicting.rows.json import JsonRows
from seqmodels.predicting.rows.lines import Lines
from seqmodels.predicting.rows.parquet import ParquetRows
from seqmodels.predicting.rows.reader import Source
from seqmodels.predicting.settings import Settings
from seqmodels.predicting.stopping import Stopping


@contextmanager
def opened(settings: Settings, cfg: DictConfig, faults: Faults, stopping: Stopping) -> Iterator[Source]:
    """The input, open.

    Args:
        settings: say which.
        cfg: of the run's datamodule; the `delimiter` of its CSV files is that of the input.
        faults: hears of malformed rows.
        stopping: ends the waiting for rows.

    Raises:
        ValueError, OSError: it cannot be read, or has no header.
    """
    delimiter = cfg.get("delimiter", ",")
    if settings.input == "-":
        yield _text(Lines(0, faults.name, True, stopping), settings.input_format, delimiter, faults)
    elif settings.input_format == "parquet":
        yield ParquetRows(Path(settings.input).expanduser())
    else:
        fd = os.open(Path(settings.input).expanduser(), os.O_RDONLY | os.O_NONBLOCK)  # a named pipe has no writer yet
        try:
            live = not stat.S_ISREG(os.fstat(fd).st_mode)
            yield _text(Lines(fd, faults.name, live, stopping), settings.input_format, delimiter, faults)
        finally:
            os.close(fd)


def _text(lines: Lines, format: str | None, delimiter: str, faults: Faults) -> Source:
    if format is None:
        format = "jsonl" if lines.first_byte() == b"{" else "csv"
    return JsonRows(lines, faults) if format == "jsonl" else CsvRows(lines, delimiter, faults)
