"""Where rows come from and predictions go: looked at before anything heavy is imported."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryFile

from seqmodels.cli.arguments import Arguments
from seqmodels.tables.formats import suffix_of

INPUTS = {
    ".csv": "csv",
    ".csv.gz": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
OUTPUTS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


def check_places(given: Arguments) -> None:
    """
    Args:
        given: the arguments of `predict`.

    Raises:
        ValueError, OSError: the input is not there, the output is and may not be overwritten, output or state cannot be
            written, or two of input, output and state are the same file.
    """
    source, target, state = given["input"], given["output"], given["state"]
    if source != "-" and not _exists("input", source):
        raise FileNotFoundError(f"input={source}: there is no such file in {Path.cwd()}")
    if target != "-":
        _exists("output", target)
    if source == "-" and given["chunk"] > 1:
        raise ValueError(
            f"chunk={given['chunk']} waits for many rows, and standard input is read as it comes; leave it out"
        )
    _check_apart(source, target)
    for key, place in (("input", source), ("output", target)):
        if state and place != "-" and Path(place).expanduser().resolve() == state:
            raise ValueError(f"state={state} is the {key}; the state needs a file of its own")
    output_format(given)
    if state:
        _check_state(state)
    if target == "-":
        return
    path = Path(target).expanduser()
    if not path.parent.is_dir():
        raise FileNotFoundError(f"output={target}: there is no folder {path.parent}; make it, or choose another")
    if path.is_dir():
        raise IsADirectoryError(f"output={target} is a folder; name a file in it")
    if path.is_file() and not given["overwrite"]:
        raise FileExistsError(f"output={target} exists and will not be overwritten; overwrite=true allows it")
    if path.is_file() or not path.exists():
        _try("output", target, path, replaced=not path.exists())


def input_format(given: Arguments) -> str | None:
    """csv, jsonl or parquet; None where what comes on standard input tells.

    Raises:
        ValueError: nothing says.
    """
    return given["format"] if given["input"] == "-" else _by_suffix("input", given, INPUTS)


def output_format(given: Arguments) -> str:
    """csv or jsonl.

    Raises:
        ValueError: nothing says.
    """
    return given["format"] or "csv" if given["output"] == "-" else _by_suffix("output", given, OUTPUTS)


def _by_suffix(key: str, given: Arguments, formats: Mapping[str, str]) -> str:
    found = formats.get(suffix_of(Path(given[key]), formats) or "", given["format"])
    if found is None:
        raise ValueError(
            f"{key}={given[key]} is of no known kind; it ends in {', '.join(formats)}, or format= says what it is"
        )
    return found


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


def _exists(key: str, place: str) -> bool:
    """
    Raises:
        OSError: it cannot be told, of a link that leads back to itself for instance.
    """
    try:
        Path(place).expanduser().stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, RuntimeError) as error:  # the latter of a home that nobody has
        raise OSError(f"{key}={place} cannot be opened: {getattr(error, 'strerror', error)}") from error
    return True


def _check_state(path: Path) -> None:
    if not path.parent.is_dir():
        raise FileNotFoundError(f"state={path}: there is no folder {path.parent}; make it, or choose another")
    if path.exists() and not path.is_file():
        raise ValueError(f"state={path} is no file that can be replaced; name one, or one that does not exist yet")
    _try("state", str(path), path, replaced=True)


def _try(key: str, place: str, path: Path, replaced: bool) -> None:
    """
    Args:
        key, place: as they were given.
        path: of it.
        replaced: whether a new file is to take its place, else what is there is opened.

    Raises:
        OSError: that will not do.
    """
    try:
        if replaced:
            TemporaryFile(dir=path.parent).close()
        else:
            path.open("r+b").close()
    except OSError as error:
        raise OSError(
            f"{key}={place} cannot be written: {error.strerror}; choose a place where you may write"
        ) from error
