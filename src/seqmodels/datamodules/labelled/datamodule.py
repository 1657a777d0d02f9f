"""A person's own labelled sequences: long tables with an id and a label, or the files of the UCR and UEA archives.

    python -m seqmodels.train datamodule=labelled_series 'datamodule.files=[gait.csv]' datamodule.id=subject
        datamodule.label=activity 'datamodule.inputs=[acc_x,acc_y]'

    files  a b c d e f g h i j      whole sequences, each class in its share
    train  a   c d e   g h   j
    val      b               i
    test               f            val_files and test_files: that part comes from them, and `files` keep theirs

All of it lies in memory, 4 bytes a value and several times that while it is read. Batches are padded to their longest
sequence.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from seqmodels.datamodules.labelled.files import check_apart, read_files
from seqmodels.datamodules.labelled.ragged import RaggedRows
from seqmodels.datamodules.labelled.sequences import Sequences, check_ids
from seqmodels.datamodules.labelled.split import split_by_class
from seqmodels.datamodules.labelled.statistics import Learned, Missing, learn, rows_of, short
from seqmodels.datamodules.labelled.tables import Columns
from seqmodels.datamodules.labelled_rows import LabelledRows

PARTS = {"fit": ("train", "val", "test"), "validate": ("val",), "test": ("test",), "predict": ()}
"""What a stage reads; the test of a training too, so that a fault in it is found before hours have passed."""

ARGUMENTS = {"train": "files", "val": "val_files", "test": "test_files"}
"""What names the files of a part."""


class LabelledSeries(LabelledRows):
    """Batches are x (B, T, D) in physical units, labels (B,), lengths (B,).

    Attributes:
        name: "labelled:gait", or "labelled:gait+1" for two files; before any is read "labelled".
        input_names: D columns; like the sizes, of a UCR or UEA file known after `setup` or `load_state_dict`.
        columns: what those of a table mean.
        learned: from the training sequences, or from a checkpoint.
    """

    name = "labelled"

    def __init__(
        self,
        files: str | list[str],
        inputs: str | list[str | int] | None = None,
        id: str | int | None = None,
        label: str | int | None = None,
        time: str | int | None = None,
        val_files: str | list[str] | None = None,
        test_files: str | list[str] | None = None,
        val_fraction: float = 0.1,
        test_fraction: float = 0.1,
        split_seed: int = 0,
        ids_per_file: bool = False,
        missing: Missing = "error",
        normalize: bool = True,
        delimiter: str = ",",
        decimal: str = ".",
        batch_size: int = 32,
        eval_batch_size: int = 256,
        num_workers: int = 0,
        overfit_batches: int = 0,
        seed: int = 1,
    ) -> None:
        """
        Args:
            files: paths and globs, see `expand`; also .ts and .tsv of the UCR and UEA archives.
            inputs, id, label, time, delimiter, decimal: what the columns of a table mean, see `Columns`.
            val_files, test_files: read as a whole instead, and `files` are not cut for that.
            val_fraction, test_fraction: of the sequences; 0 for none.
            split_seed: which ones.
            ids_per_file: the same id in two files means two sequences; false: that is an error.
            missing: cells that are empty or infinite, see `rows_of`.
            normalize: the module subtracts the mean of the training steps and divides by their standard deviation.
            batch_size, eval_batch_size, num_workers, overfit_batches, seed: as in `LabelledRows`.

        Raises:
            ValueError: an argument is outside its range.
        """
        super().__init__(batch_size, eval_batch_size, num_workers, overfit_batches, seed)
        if not files:
            raise ValueError(
                "files=[] leaves open which of your data to read; say so, such as datamodule.files=[data/*.csv] "
                "datamodule.id=person datamodule.label=activity datamodule.inputs=[x,y]"
            )
        for argument, fraction in (("val_fraction", val_fraction), ("test_fraction", test_fraction)):
            if not 0 <= fraction < 1:
                raise ValueError(f"{argument}={fraction} is not a fraction; give a number from 0 to below 1")
        if missing not in get_args(Missing):
            raise ValueError(f"missing={missing!r} is not known; choose {', '.join(get_args(Missing))}")
        for argument, mark in (("delimiter", delimiter), ("decimal", decimal)):
            if len(mark) != 1:
                raise ValueError(f"{argument}={mark!r} is not one character")
        self.input_names = _texts(inputs)
        if len(set(self.input_names)) < len(self.input_names):
            raise ValueError(f"inputs={self.input_names} names a column twice")
        self.patterns = {"train": _texts(files), "val": _texts(val_files), "test": _texts(test_files)}
        self.columns = Columns(_text(id), _text(label), self.input_names, _text(time), delimiter, decimal)
        self.fractions = {"val": val_fraction, "test": test_fraction}
        self.split_seed, self.unique_ids = split_seed, id is not None and not ids_per_file
        self.missing: Missing = missing
        self.normalize = normalize
        self.learned: Learned | None = None
        self._files: list[Path] = []
        self._seen: Learned | None = None
        self.input_size, self.output_size, self.class_names = len(self.input_names), 0, []

    @property
    def input_stats(self) -> tuple[list[float], list[float]] | None:
        """(D,) means and standard deviations of the training steps, for the module; None when not normalised."""
        return (self.learned.mean, self.learned.std) if self.learned and self.normalize else None

    def setup(self, stage: str | None = None) -> None:
        """Read the parts that the stage needs; what a training learned spares its files, but where a part is cut from
        them.

        Raises:
            ValueError, OSError: the files do not allow it; the message names file, column and row.
        """
        wanted = [part for part in PARTS[stage or "fit"] if part not in self._parts]
        if "train" in wanted:
            check_apart({ARGUMENTS[part]: patterns for part, patterns in self.patterns.items()})
        found: dict[str, Sequences] = {}
        if self.learned is None or any(part == "train" or not self.patterns[part] for part in wanted):
            found = self._cut()
            self._seen = learn(found["train"])
            if self.learned is not None:
                _check_files(self.learned, self._seen)
            self._adopt(self.learned or self._seen)
        found |= {part: self.read(self.patterns[part]) for part in wanted if part not in found}
        if self.unique_ids:
            check_ids(found.values())
        self._parts |= {part: self.rows(sequences) for part, sequences in found.items()}
        self._files = list(dict.fromkeys([*self._files, *(file for part in found.values() for file in part.files)]))
        if self._files:
            self.name = f"labelled:{self._files[0].stem}" + (f"+{len(self._files) - 1}" if self._files[1:] else "")

    def _cut(self) -> dict[str, Sequences]:
        """What `files` hold, in parts; one with files of its own takes nothing of it."""
        whole = self.read(self.patterns["train"])
        val, test = (0.0 if self.patterns[part] else fraction for part, fraction in self.fractions.items())
        parts = split_by_class(whole.labels or [], val, test, self.split_seed)
        return {
            part: whole.chosen(which) for part, which in parts.items() if part == "train" or not self.patterns[part]
        }

    def _adopt(self, learned: Learned) -> None:
        self.learned = learned
        self.input_names, self.class_names = learned.input_names, learned.class_names
        self.input_size, self.output_size = len(self.input_names), len(self.class_names)

    def read(self, patterns: list[str], labelled: bool = True) -> Sequences:
        """The sequences of some files, in their order, with labels or without.

        Raises:
            ValueError, OSError: as `setup`.
        """
        return read_files(patterns, self.columns, self.unique_ids, labelled)

    def rows(self, sequences: Sequences) -> RaggedRows:
        """As the loaders and the module take them; what was learned must be known.

        Raises:
            ValueError: as `rows_of`.
        """
        assert self.learned is not None
        return rows_of(sequences, self.learned, self.missing)

    def state_dict(self) -> dict[str, Any]:
        """What was learned from the training sequences, as plain values; Lightning puts it into every checkpoint."""
        return asdict(self.learned) if self.learned else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what a training learned.

        Raises:
            ValueError: the files that were read before are others.
        """
        learned = Learned(**state_dict)
        if self._seen is not None:
            _check_files(learned, self._seen)
        self._adopt(learned)

    def summary(self) -> str:
        """One line for the start of a run."""
        sizes = ", ".join(f"{len(data):,} {part}" for part, data in self._parts.items())
        lengths = [int(length) for data in self._parts.values() if len(data) for length in data.lengths.aminmax()]
        steps = f"{min(lengths)} to {max(lengths)} steps" if min(lengths) < max(lengths) else f"{lengths[0]} steps"
        return (
            f"{self.name}: {sizes}; {steps} of {self.input_size}; {self.output_size} classes: {short(self.class_names)}"
        )

    def facts(self) -> dict[str, Any]:
        """What results.json keeps of the data beside its name."""
        return {
            "files": [{"name": file.name, "bytes": file.stat().st_size} for file in self._files],
            "sequences": {part: len(data) for part, data in self._parts.items()},
            "columns": self.input_names,
            "classes": self.class_names,
        }


def _check_files(then: Learned, now: Learned) -> None:
    difference = now.differs_from(then)
    if difference:
        raise ValueError(
            f"the files are not what the training read ({difference}); bring them back, or name other data to test on "
            f"with datamodule.test_files=[...]"
        )


def _texts(names: str | list[str] | list[str | int] | None) -> list[str]:
    return [names] if isinstance(names, str) else [str(name) for name in names or []]


def _text(name: str | int | None) -> str | None:
    return None if name is None else str(name)
