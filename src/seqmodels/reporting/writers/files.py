"""Where the report goes, and how it gets there: our own earlier files are replaced, a file of anyone else never."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from seqmodels.reporting.writers.runs_csv import FIRST
from seqmodels.reporting.writers.templates import MARK
from seqmodels.system.files import replace

BEGINNINGS = {"report.md": MARK, "report.csv": ",".join(FIRST) + ",", "report.html": f"<!doctype html>\n{MARK}"}
"""How our files begin; a file of this name that begins otherwise is not ours."""


def place_of(out: str | None, folders: Sequence[Path]) -> Path:
    """The folder of the report: `--out`, or the only folder given, or what all have in common."""
    if out is not None:
        return Path(out).absolute()
    places = [folder.resolve() for folder in folders if folder.is_dir()]
    common = Path(os.path.commonpath(places))
    return common if common != Path(common.anchor) else Path.cwd()


def check_free(place: Path) -> None:
    """
    Raises:
        FileExistsError: one of the report's names is taken by something else.
        NotADirectoryError: the place is a file.
    """
    if place.exists() and not place.is_dir():
        raise NotADirectoryError(f"--out {place} is a file; give a folder")
    for name, beginning in BEGINNINGS.items():
        path = place / name
        if path.exists() or path.is_symlink():
            mine = path.is_file() and _begins(path, beginning.encode())
            if not mine:
                raise FileExistsError(
                    f"{path} was not written by this command and will not be overwritten; move it, or use --out FOLDER"
                )


def _begins(path: Path, beginning: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(beginning)) == beginning


def write(place: Path, files: Mapping[str, str]) -> None:
    """All of the files, each in one step.

    Raises:
        OSError: the place cannot be written to.
    """
    check_free(place)
    try:
        place.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            replace(place / name, content)
    except OSError as error:
        raise OSError(f"the report cannot be written into {place}: {error.strerror}; use --out FOLDER") from error
