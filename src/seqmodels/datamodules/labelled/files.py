"""Labelled sequences from any of the files they come in."""

from seqmodels.datamodules.labelled.archive import paths_of
from seqmodels.datamodules.labelled.arrays import holds_sequences, read_arrays
from seqmodels.datamodules.labelled.sequences import Sequences, check_ids, joined
from seqmodels.datamodules.labelled.tables import Columns, read_table
from seqmodels.datamodules.labelled.ucr import SUFFIXES, read_ucr


def read_files(patterns: list[str], columns: Columns, unique_ids: bool, labelled: bool = True) -> Sequences:
    """The sequences of all files, in their order.

    Args:
        patterns: see `paths_of`; .ts and .tsv are files of the UCR and UEA archives, .npz and .npy hold sequences where
            they have an array (N, T, C), others are tables.
        columns: of the tables.
        unique_ids: an id may stand in one file only.
        labelled: read the labels too.

    Raises:
        ValueError, OSError: the message names file, column and row.
    """
    parts = []
    for path in paths_of(patterns):
        if path.suffix.lower() in SUFFIXES:
            parts.append(read_ucr(path, labelled, columns.marks))
            continue
        if holds_sequences(path):
            parts.append(read_arrays(path, columns, labelled))
            continue
        wanted = {"inputs": columns.inputs, "label": columns.label or not labelled}
        for argument in (name for name, given in wanted.items() if not given):
            raise ValueError(f"{path} is a table: say which of its columns to read, datamodule.{argument}=...")
        parts.append(read_table(path, columns if labelled else columns._replace(label=None)))
    if unique_ids:
        check_ids(parts)
    return joined(parts)
