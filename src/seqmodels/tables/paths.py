"""Which files a list of patterns means: paths, globs, `~`, and files inside an installed Python package."""

import glob
import importlib.util
from collections.abc import Sequence
from pathlib import Path

from seqmodels.tables.formats import formats, suffix_of

PACKAGE = "package:"


def expand(patterns: Sequence[str], others: Sequence[str] = ()) -> list[Path]:
    """The files that the patterns mean, in their order; those of one glob sorted by name; none twice.

    Args:
        patterns: paths (`a.csv`, `~/data/a.parquet`), globs (`data/*.csv`, `data/**/*.npy`), or
            `package:statsmodels/datasets/co2/co2.csv`: a file inside an installed Python package.
        others: suffixes that the caller reads itself.

    Raises:
        ValueError: a package is not installed; a file is of no known kind.
        FileNotFoundError, IsADirectoryError, OSError: a pattern matches nothing, a folder, or a pipe.
    """
    files: dict[Path, Path] = {}
    known = (*formats(), *others)
    for pattern in patterns:
        for path in _matches(pattern):
            if path.is_dir():
                raise IsADirectoryError(f"{path} is a folder; name the files in it, such as {path}/*.csv")
            if not path.is_file():
                raise OSError(f"{path} is no regular file, so it has no end that could be found; give files of rows")
            if suffix_of(path, known) is None:
                raise ValueError(f"{path} is of no known kind; files of numbers end in {', '.join(known)}")
            files.setdefault(path.resolve(), path)
    return list(files.values())


def _matches(pattern: str) -> list[Path]:
    path = _in_package(pattern) if pattern.startswith(PACKAGE) else Path(pattern).expanduser()
    if path.exists():  # a name may hold brackets
        return [path]
    found = sorted(Path(name) for name in glob.glob(str(path), recursive=True))  # noqa: PTH207, takes absolute patterns
    if not found:
        raise FileNotFoundError(f"{pattern} matches no file in {Path.cwd()}; give a path, or a glob such as data/*.csv")
    return found


def _in_package(pattern: str) -> Path:
    """`package:NAME/inside/it`; found without running the package's code."""
    name, _, inside = pattern.removeprefix(PACKAGE).partition("/")
    if not name.isidentifier() or not inside:
        raise ValueError(
            f"{pattern} does not name a file of a package; write {PACKAGE}NAME/PATH, "
            f"such as {PACKAGE}statsmodels/datasets/co2/co2.csv"
        )
    spec = importlib.util.find_spec(name)
    if spec is not None and not spec.submodule_search_locations:
        raise ValueError(f"{pattern} names {name}, which is one file of Python and no package with files in it")
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(f"{pattern} needs the Python package {name}, which is not installed here; pip install {name}")
    return Path(spec.submodule_search_locations[0], inside)
