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

from pathlib import Path
from typing import Any

from seqmodels.config.ranges import between, one_of
from seqmodels.datamodules.files import (
    READ,
    FileData,
    as_name,
    as_names,
    check_apart,
    check_named,
    check_once,
    check_roles,
    facts_of,
    named_after,
)
from seqmodels.datamodules.labelled.archive import paths_of, splits_of
from seqmodels.datamodules.labelled.elapsed import Gaps
from seqmodels.datamodules.labelled.files import read_files
from seqmodels.datamodules.labelled.ragged import RaggedRows
from seqmodels.datamodules.labelled.sequences import Sequences, check_ids
from seqmodels.datamodules.labelled.split import split_by_class
from seqmodels.datamodules.labelled.statistics import TrainingStatistics, fit_statistics, rows_of, short
from seqmodels.datamodules.labelled.tables import Columns
from seqmodels.datamodules.majority import majority
from seqmodels.datamodules.samples import SampleData

EXAMPLE = "datamodule.files=[data/*.csv] datamodule.id=person datamodule.label=activity datamodule.inputs=[x,y]"


class LabelledSeries(FileData, SampleData):
    """Batches are x (B, T, D) in physical units, labels (B,), lengths (B,), and with gaps=dt the time
    since the step before, dt (B, T).

    Attributes:
        name: "labelled:gait", or "labelled:gait+1" for two files; before any is read "labelled".
        input_names: D columns; like the sizes, of a UCR or UEA file known after `setup` or `load_state_dict`.
        columns: what those of a table mean.
        statistics: of the training sequences, or from a checkpoint.
    """

    task = "classification"
    statistics_class = TrainingStatistics
    statistics: TrainingStatistics | None

    def __init__(
        self,
        files: str | list[str] | None = None,
        inputs: str | list[str | int] | None = None,
        id: str | int | None = None,
        label: str | int | None = None,
        time: str | int | None = None,
        split_seed: int = 0,
        ids_per_file: bool = False,
        batch_size: int = 32,
        eval_batch_size: int = 256,
        dataset: str | None = None,
        gaps: Gaps = "ignore",
        **options: Any,
    ) -> None:
        """
        Args:
            files: as in `FileData`; also .ts and .tsv of the UCR and UEA archives.
            inputs, id, label, time: what the columns of a table mean, see `Columns`.
            split_seed: which sequences of `files` are for validation and test, each class in its share.
            ids_per_file: the same id in two files means two sequences; false: that is an error.
            batch_size, eval_batch_size: as in `SampleData`.
            dataset: for files, a problem of the archives, whose own test is the test unless `test_files` is given:
                its name, of those in an installed package, or a folder, FOLDER/NAME; see `archive`.
            gaps: `dt` tells the core at every step how much time has gone by since the one before, in steps of the
                training, which are the median; `ignore` does not.
            options: as in `FileData` and `SampleData`; of `missing` see `rows_of`.

        Raises:
            ValueError: an argument is outside its range.
        """
        if dataset is not None:
            files, own_test = splits_of(dataset, as_names(files))
            options["test_files"] = options.get("test_files") or own_test
        super().__init__(files=as_names(files), batch_size=batch_size, eval_batch_size=eval_batch_size, **options)
        check_named(EXAMPLE, files=as_names(files))
        between(0, 2**63 - 1, split_seed=split_seed)
        one_of(Gaps, gaps=gaps)
        if gaps == "dt" and time is None:
            raise ValueError("gaps=dt tells the core how much time lies between steps; give datamodule.time=COLUMN")
        self.has_dt = gaps == "dt"
        self.input_names, self.class_names = as_names(inputs), []
        check_once("inputs", self.input_names)
        check_roles("inputs", self.input_names, label=as_name(label))
        if label is not None:
            check_roles("label", [str(label)], id=as_name(id), time=as_name(time))
        self.input_size, self.output_size = len(self.input_names), 0
        self.columns = Columns(
            as_name(id), as_name(label), self.input_names, as_name(time), self.marks, self.repeated_times
        )
        self.split_seed, self.unique_ids = split_seed, id is not None and not ids_per_file
        self._files: list[Path] = []

    @property
    def name(self) -> str:  # type: ignore[override]
        return named_after("labelled", self._files)

    def setup(self, stage: str | None = None) -> None:
        """Read the splits that the stage needs; what a training learned spares its files, but where a split is cut from
        them.

        Raises:
            ValueError, OSError: the files do not allow it; the message names file, column and row.
        """
        wanted = [split for split in READ[stage or "fit"] if split not in self.splits]
        if "train" in wanted:
            check_apart({split: paths_of(patterns) for split, patterns in self.patterns.items()})
        found: dict[str, Sequences] = {}
        if self.statistics is None or any(split == "train" or not self.patterns[split] for split in wanted):
            found = self._cut()
            self.learn(fit_statistics(found["train"], self.has_dt))
        found |= {split: self.read(self.patterns[split]) for split in wanted if split not in found}
        if self.unique_ids:
            check_ids(found.values())
        self.splits |= {split: self.rows(sequences) for split, sequences in found.items()}
        self._files = list(dict.fromkeys([*self._files, *(file for split in found.values() for file in split.files)]))

    def _cut(self) -> dict[str, Sequences]:
        """What `files` hold, in splits; one with files of its own takes nothing of it."""
        whole = self.read(self.patterns["train"])
        val, test = self.fractions.values()
        splits = split_by_class(whole.labels or [], val, test, self.split_seed)
        own = [split for split in ("val", "test") if self.patterns[split]]
        return {split: whole.chosen(which) for split, which in splits.items() if split not in own}

    def take(self, statistics: TrainingStatistics) -> None:
        self.statistics, self.input_mean = statistics, statistics.mean
        self.input_names, self.class_names = statistics.input_names, statistics.class_names
        self.input_size, self.output_size = len(self.input_names), len(self.class_names)
        self.class_counts = statistics.class_counts
        if self.normalize:
            self.input_stats = statistics.mean, statistics.std

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
        assert self.statistics is not None
        return rows_of(sequences, self.statistics, self.missing)

    def summary(self) -> str:
        lengths = [int(length) for data in self.splits.values() if len(data) for length in data.lengths.aminmax()]
        steps = f"{min(lengths)} to {max(lengths)} steps" if min(lengths) < max(lengths) else f"{lengths[0]} steps"
        classes = f"{self.output_size} classes: {short(self.class_names)}"
        return f"{self.name}: {self.sizes()}; {steps} of {self.input_size}; {classes}"

    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "files": facts_of(self._files),
            "sequences": {split: len(data) for split, data in self.splits.items()},
            "columns": self.input_names,
            "classes": self.class_names,
        }
        if self.class_counts is None:
            return facts
        test = self.splits.get("test")
        facts["class_counts"] = list(self.class_counts)
        return facts | ({"baselines": majority(self.class_counts, test.labels)} if test else {})
