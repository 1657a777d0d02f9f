"""Lines from a pipe or a file, each as soon as it is there: nothing waits for more than the end of its line."""

import gzip
import os
import time
import zlib
from collections import deque
from collections.abc import Iterator
from typing import IO

from seqmodels.predicting.rows.errors import BadRow
from seqmodels.predicting.stopping import Stopping

CHUNK = 2**16
"""Bytes that are read at once, if they are there."""

LONGEST = 2**24
"""Bytes of a line; what is longer has no lines."""

BOM = b"\xef\xbb\xbf"


class Lines:
    """An iterator of lines as bytes, with their line ends.

    Attributes:
        arrived: when the text of the last line was read, by `time.perf_counter`.
    """

    def __init__(self, fd: int, name: str, live: bool, stopping: Stopping) -> None:
        """
        Args:
            fd: the open file or pipe.
            name: for errors.
            live: lines arrive with the text that was read; else when they are asked for, as those of a file were there
                all the time.
            stopping: ends the waiting when a signal comes.
        """
        self.fd, self.name, self.live, self.stopping = fd, name, live, stopping
        self.arrived = time.perf_counter()
        self._whole: deque[bytes] = deque()
        self._begun: list[bytes] = []
        self._ended = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        while not self._whole:
            if self._ended:
                raise StopIteration
            self._read()
        if not self.live:
            self.arrived = time.perf_counter()
        return self._whole.popleft()

    def first_byte(self) -> bytes:
        """The first that is no white space, without taking it; empty if the input is."""
        while True:
            seen = b"".join([*self._whole, *self._begun]).lstrip(BOM + b" \t\r\n")
            if seen or self._ended:
                return seen[:1]
            self._read()

    def _chunk(self) -> bytes:
        return os.read(self.fd, CHUNK)

    def _read(self) -> None:
        self.stopping.until_readable(self.fd)
        chunk = self._chunk()
        self.arrived = time.perf_counter()
        if not chunk:
            self._ended = True
            self._whole.extend([b"".join(self._begun)] if self._begun else [])
            self._begun = []
            return
        *whole, rest = chunk.split(b"\n")
        for line in whole:
            self._whole.append(b"".join([*self._begun, line, b"\n"]))
            self._begun = []
        if rest:
            self._begun.append(rest)
        if sum(map(len, self._begun)) > LONGEST:
            raise ValueError(
                f"{self.name}: a line of more than {LONGEST >> 20} MiB; expected rows that end with a line"
            )


class PackedLines(Lines):
    """Those of a file that gzip has packed."""

    def __init__(self, file: IO[bytes], name: str, stopping: Stopping) -> None:
        super().__init__(file.fileno(), name, False, stopping)
        self._unpacked = gzip.GzipFile(fileobj=file)

    def _chunk(self) -> bytes:
        try:
            return self._unpacked.read1(CHUNK)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{self.name} is damaged, or gzip has not packed it: {error}") from error


def decoded(line: bytes) -> str:
    """A line as text, without the mark that some programs put before the first.

    Raises:
        BadRow: it is not UTF-8.
    """
    try:
        return line.removeprefix(BOM).decode()
    except UnicodeDecodeError as error:
        raise BadRow(f"byte {error.start + 1} is not UTF-8; save the data as UTF-8") from error
