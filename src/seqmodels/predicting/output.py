"""Predictions on their way out: a row is written whole and at once, or not at all."""

import csv
import json
import os
import select
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqmodels.predicting.rows.cells import as_json, as_text
from seqmodels.predicting.stopping import Stopping


class _Echo:
    def write(self, text: str) -> str:
        return text


_csv_line: Any = csv.writer(_Echo(), lineterminator="\n").writerow


class Encoder:
    """Rows of the output as text.

    Attributes:
        header: what stands before the first row.
    """

    def __init__(self, format: str, shown: Sequence[str], predictions: Sequence[str]) -> None:
        """
        Args:
            format: of the output.
            shown: columns of the input that are shown again.
            predictions: names of the predictions.
        """
        self._keys = [f"{json.dumps(name, ensure_ascii=False)}: " for name in [*shown, *predictions]]
        self.row = self._csv_row if format == "csv" else self._json_row
        self.header = _csv_line([*shown, *predictions]) if format == "csv" else ""

    def _csv_row(self, cells: Sequence[Any], prediction: np.ndarray) -> str:
        return _csv_line([*map(as_text, cells), *map(str, prediction)])

    def _json_row(self, cells: Sequence[Any], prediction: np.ndarray) -> str:
        values = [*map(as_json, cells), *map(str, prediction)]
        return "{" + ", ".join(map(str.__add__, self._keys, values)) + "}\n"


class Output:
    """A file, or standard output.

    Attributes:
        name: for errors.
    """

    def __init__(self, place: str, overwrite: bool, stopping: Stopping, name: str | None = None) -> None:
        """
        Args:
            place: a path, or - for standard output.
            overwrite: whether a file that exists is replaced.
            stopping: ends the waiting for whoever reads the output.
            name: for errors, unless it is the place.

        Raises:
            OSError: the file exists, or cannot be written.
        """
        self.name, self._stopping, self._written = name or place, stopping, 0
        self._file = None if place == "-" else _opened(Path(place).expanduser(), overwrite, self.name)
        self._fd = 1 if self._file is None else self._file.fileno()

    def write(self, text: str) -> None:
        """Write all of it.

        Raises:
            Stopped: a signal came while nobody took it; nothing was written.
            OSError: it could not be written; a file then ends where it did before.
        """
        data = text.encode()
        self._stopping.until_writable(self._fd)
        try:
            self._write_all(data)
        except BrokenPipeError as error:
            raise BrokenPipeError(f"output={self.name}: whoever read the predictions has closed their end") from error
        except OSError as error:
            if self._file is not None and stat.S_ISREG(os.fstat(self._fd).st_mode):
                self._file.truncate(self._written)
            raise OSError(f"output={self.name} cannot be written: {error.strerror}") from error
        self._written += len(data)

    def _write_all(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:  # a pipe that someone else made non-blocking
                select.select([], [self._fd], [])

    def close(self) -> None:
        """Close the file; standard output stays open."""
        if self._file is not None:
            self._file.close()


def _opened(path: Path, overwrite: bool, name: str) -> Any:
    replaced = overwrite or (path.exists() and not path.is_file())  # a pipe or a device loses nothing
    try:
        return path.open("wb" if replaced else "xb", buffering=0)
    except FileExistsError as error:
        raise FileExistsError(f"output={name} exists and will not be overwritten; overwrite=true allows it") from error
    except OSError as error:
        raise OSError(f"output={name} cannot be written: {error.strerror}; choose another place") from error
