"""What the arguments of `predict` ask for, before anything heavy is imported."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from seqmodels.cli.arguments import Arguments

INPUTS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".pq": "parquet"}
OUTPUTS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


@dataclass(frozen=True)
class Settings:
    """How a prediction of streams is done.

    Attributes:
        input, output: paths, or - for standard input and output.
        input_format: csv, jsonl or parquet; None: what comes tells.
        output_format: csv or jsonl.
        keep: further columns to show.
        id: the column that tells streams apart; "" for none, None for the run's own.
        state: the file of the streams' state, if any.
        chunk: rows of a stream that are read at once.
        skip: report malformed rows and go on.
        overwrite: replace an output file that exists.
        threads: of the CPU.
        quiet: no summary.
    """

    input: str
    output: str
    input_format: str | None
    output_format: str
    keep: list[str]
    id: str | None
    state: Path | None
    chunk: int
    skip: bool
    overwrite: bool
    threads: int
    quiet: bool


def check_places(given: Arguments) -> None:
    """Look at input and output, so that a mistake does not wait for the model.

    Raises:
        ValueError, OSError: the input is not there, or the output is and may not be overwritten.
    """
    source = given.required("input", "signal.csv, or - for standard input")
    target = given.required("output", "predictions.csv, or - for standard output")
    overwrite = given.flag("overwrite")
    if source != "-" and not Path(source).expanduser().exists():
        raise FileNotFoundError(f"input={source}: there is no such file in {Path.cwd()}")
    _check_apart(source, target)
    if target == "-":
        return
    path = Path(target).expanduser()
    if not path.parent.is_dir():
        raise FileNotFoundError(f"output={target}: there is no folder {path.parent}; make it, or choose another")
    if path.is_dir():
        raise IsADirectoryError(f"output={target} is a folder; name a file in it")
    if path.is_file() and not overwrite:
        raise FileExistsError(f"output={target} exists and will not be overwritten; overwrite=true allows it")


def settings(given: Arguments) -> Settings:
    """
    Raises:
        ValueError: a value is not among its choices, or two contradict each other.
    """
    format = given.choice("format", ["csv", "jsonl"]) if "format" in given else None
    source, target, state = given.text("input") or "", given.text("output") or "", given.text("state")
    made = Settings(
        source,
        target,
        format if source == "-" else by_suffix("input", source, INPUTS, format),
        format or "csv" if target == "-" else by_suffix("output", target, OUTPUTS, format),
        given.listed("keep"),
        given.text("id"),
        Path(state).expanduser().resolve() if state else None,
        given.count("chunk"),
        given.choice("errors", ["stop", "skip"]) == "skip",
        given.flag("overwrite"),
        given.count("threads"),
        given.flag("quiet"),
    )
    if made.chunk > 1 and made.input == "-":
        raise ValueError(
            f"chunk={made.chunk} waits for many rows, and standard input is read as it comes; leave it out"
        )
    for key, place in (("input", made.input), ("output", made.output)):
        if made.state and place != "-" and Path(place).expanduser().resolve() == made.state:
            raise ValueError(f"state={made.state} is the {key}; the state needs a file of its own")
    return made


def _check_apart(source: str, target: str) -> None:
    """Else predictions would be read as rows."""
    here, there = _status(source, 0), _status(target, 1)
    if here and there and stat.S_ISREG(here.st_mode) and os.path.samestat(here, there):
        raise ValueError(f"input={source} and output={target} are the same file; choose another output")


def _status(place: str, standard: int) -> os.stat_result | None:
    if place != "-":
        path = Path(place).expanduser()
        return path.stat() if path.exists() else None
    try:
        return os.fstat(standard)
    except OSError as error:
        raise OSError(f"standard {'output' if standard else 'input'} is closed; give a file instead of -") from error


def by_suffix(key: str, place: str, formats: dict[str, str], format: str | None) -> str:
    found = formats.get(Path(place).suffix.lower(), format)
    if found is None:
        raise ValueError(
            f"{key}={place} is of no known kind; it ends in {', '.join(formats)}, or format= says what it is"
        )
    return found
