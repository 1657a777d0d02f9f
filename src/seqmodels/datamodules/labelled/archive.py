"""Problems of the UCR and UEA archives by their names, in the archives' own layout and with their own split:

    FOLDER/GunPoint/GunPoint_TRAIN.ts
    FOLDER/GunPoint/GunPoint_TEST.ts

The packages sktime and aeon ship a few of them; their files are read without importing the package.
"""

import importlib.util
from pathlib import Path

from seqmodels.datamodules.labelled.statistics import short
from seqmodels.datamodules.labelled.ucr import SUFFIXES, has_classes
from seqmodels.tables.paths import expand

PACKAGES = ("sktime", "aeon")
PLACE = "datasets/data"
"""Where both of them have the archives' folders."""

PROBLEM = "problem:"
"""Begins a pattern that means a split of a problem; it becomes a path when it is read, and not before, since a run that
has learned its statistics needs no files."""


def splits_of(dataset: str, files: list[str]) -> tuple[list[str], list[str]]:
    """The patterns of a problem's training and test files, for `paths_of`.

    Args:
        dataset: its name, of those in an installed package, or with its folder, FOLDER/GunPoint.
        files: what else was said to be trained on.

    Raises:
        ValueError: there is something.
    """
    if files:
        raise ValueError(f"dataset={dataset} beside files={files}: give one of the two")
    return [f"{PROBLEM}{dataset}/TRAIN"], [f"{PROBLEM}{dataset}/TEST"]


def paths_of(patterns: list[str]) -> list[Path]:
    """As `expand`, also of what `splits_of` gives, and of files of the archives.

    Raises:
        ValueError, OSError: as `expand`.
        FileNotFoundError: there is no such problem; the message says which there are.
    """
    return expand([_found(name) if name.startswith(PROBLEM) else name for name in patterns], SUFFIXES)


def _found(pattern: str) -> str:
    dataset, _, split = pattern.removeprefix(PROBLEM).rpartition("/")
    name = Path(dataset).name
    folders = _folders(dataset)
    for folder in folders:
        for suffix in SUFFIXES:
            path = folder / name / f"{name}_{split}{suffix}"
            if path.is_file():
                return str(path)
    if not folders:
        raise FileNotFoundError(
            f"datamodule.dataset={dataset} ships with the Python package {PACKAGES[0]}, which is not installed here; "
            f'pip install -e ".[labelled]", or name its folder, datamodule.dataset=FOLDER/{name}'
        )
    there = short(sorted({problem for folder in folders for problem in _problems(folder)}))
    raise FileNotFoundError(
        f"datamodule.dataset={dataset}: no {name}/{name}_{split}.ts in {' or '.join(map(str, folders))}, where there "
        f"is: {there or 'none'}; give one of them, or the folder of another, datamodule.dataset=FOLDER/{name}"
    )


def _folders(dataset: str) -> list[Path]:
    """Where a problem may lie: of one with a folder before its name that one, else the packages that are installed."""
    path = Path(dataset).expanduser()
    if path.name != dataset:
        return [path.parent]
    specs = [importlib.util.find_spec(package) for package in PACKAGES]
    return [Path(place) / PLACE for spec in specs if spec for place in spec.submodule_search_locations or ()]


def _problems(folder: Path) -> list[str]:
    """Names of the classification problems in a folder of the archives."""
    trains = [path for suffix in SUFFIXES for path in folder.glob(f"*/*_TRAIN{suffix}")]
    return [path.parent.name for path in trains if path.stem == f"{path.parent.name}_TRAIN" and has_classes(path)]
