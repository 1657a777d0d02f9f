"""What sources share that read a person's own files: arguments, files of each split, what was learned of them."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

from seqmodels.config.ranges import MOST_LINES, between, one_of
from seqmodels.datamodules.base import SequenceData
from seqmodels.datamodules.missing import Missing, RepeatedTimes
from seqmodels.tables.columns import TAB
from seqmodels.tables.dates import NUMBER, check_format
from seqmodels.tables.formats import Marks

ARGUMENTS = {"train": "files", "val": "val_files", "test": "test_files"}
"""What names the files of a split."""

READ = {"fit": ("train", "val", "test"), "validate": ("val",), "test": ("test",), "predict": ("test",)}
"""The splits of a stage; the test with a training too, so that a fault in it is found before hours have passed."""


class FileData(SequenceData):
    """Splits are cut from `files`, or have files of their own.

    Attributes:
        patterns: of the files of "train", "val" and "test"; those of the last two may be none.
        marks: how the files are written.
        fractions: of `files` for "val" and "test", 0 where they have files of their own.
        statistics: a dataclass of plain values, from the training split or from a checkpoint.
        normalizations: what `normalize` may be.
        statistics_class: that dataclass; it tells a `difference` between two of its kind in a sentence, or None.
    """

    statistics_class: ClassVar[Callable[..., Any]]
    normalizations: ClassVar[Sequence[bool | str]] = (True, False)

    def __init__(
        self,
        files: str | list[str],
        val_files: str | list[str] | None = None,
        test_files: str | list[str] | None = None,
        val_fraction: float = 0.1,
        test_fraction: float = 0.1,
        missing: Missing = "error",
        normalize: bool | str = True,
        missing_values: Sequence[str | float] = (),
        delimiter: str = ",",
        decimal: str = ".",
        comment: str | None = None,
        skip_rows: int = 0,
        header: bool = True,
        unit_rows: int = 0,
        time_format: str | None = None,
        repeated_times: RepeatedTimes = "error",
        **options: Any,
    ) -> None:
        """
        Args:
            files: paths, globs, or package:NAME/PATH; see `expand`.
            val_files, test_files: read as a whole instead, and `files` are not cut for that.
            val_fraction, test_fraction: of `files`, 0 for none.
            missing: what cells are that are empty or infinite: `error`; `mask`, the training's mean; `ffill`, the value
                before.
            normalize: the module reads columns of mean 0 and standard deviation 1.
            missing_values: numbers and texts that stand for a missing number, as -9999 and "---".
            delimiter, decimal, comment, skip_rows, header, unit_rows, time_format: how the files are written, see
                `Marks`.
            repeated_times: of two rows at one time, `error` names the second; `keep` takes both, in their order.
            options: as in the other base class.

        Raises:
            ValueError: an argument is outside its range.
        """
        super().__init__(**options)
        between(0, 1, val_fraction=val_fraction, test_fraction=test_fraction)
        one_of(Missing, missing=missing)
        one_of(self.normalizations, normalize=normalize)
        one_of(RepeatedTimes, repeated_times=repeated_times)
        between(0, MOST_LINES, skip_rows=skip_rows, unit_rows=unit_rows)
        listed = tuple([missing_values] if isinstance(missing_values, str | float | int) else missing_values)
        self.marks = Marks(delimiter, decimal, listed, time_format, comment, skip_rows, header, unit_rows)
        _check_marks(self.marks)
        self.patterns = {"train": as_names(files), "val": as_names(val_files), "test": as_names(test_files)}
        self.fractions = {
            split: 0.0 if self.patterns[split] else fraction
            for split, fraction in (("val", val_fraction), ("test", test_fraction))
        }
        self.missing: Missing = missing
        self.repeated_times: RepeatedTimes = repeated_times
        self.normalize = normalize
        self.statistics: Any = None
        self._found: Any = None

    def state_dict(self) -> dict[str, Any]:
        """What was learned of the training split, as plain values; Lightning puts it into every checkpoint."""
        return asdict(self.statistics) if self.statistics else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what a training learned; its files are then read only where a split is cut from them.

        Raises:
            ValueError: the files that were read since are others.
        """
        statistics = self.statistics_class(**state_dict)
        if self._found is not None:
            self.check_unchanged(statistics, self._found)
        self.take(statistics)

    def learn(self, found: Any) -> None:
        """
        Args:
            found: the statistics of the files as they are; those of a checkpoint stay.

        Raises:
            ValueError: they are not those of the checkpoint.
        """
        self._found = found
        if self.statistics is None:
            self.take(found)
        else:
            self.check_unchanged(self.statistics, found)

    @abstractmethod
    def take(self, statistics: Any) -> None:
        """Keep the statistics, and say what the contract wants to know of them."""

    def check_unchanged(self, then: Any, now: Any) -> None:
        """
        Args:
            then, now: statistics.

        Raises:
            ValueError: the training files are not what they were.
        """
        difference = now.difference(then)
        if difference:
            raise ValueError(
                f"{self.name}: the files are not what the training read ({difference}); bring them back, or name other "
                f"data to test on with datamodule.test_files=[...]"
            )


def _check_marks(marks: Marks) -> None:
    """
    Raises:
        ValueError: a mark is not one character, or a time format says nothing.
    """
    given = {"delimiter": marks.delimiter, "decimal": marks.decimal, "comment": marks.comment}
    for argument, mark in given.items():
        if mark is not None and (not isinstance(mark, str) or len(mark) != 1 or mark in "\r\n"):
            tab = f"; a tab is {TAB}" if mark == r"\t" else ""
            raise ValueError(f"{argument}={mark!r} is not one character{tab}")
    for value in marks.missing_values:
        if not isinstance(value, str | float | int) or isinstance(value, bool):
            raise ValueError(f"missing_values={value!r} is not a number or a text; give a list of them, [-9999,OVER]")
    if marks.time_format not in (None, NUMBER):
        check_format(marks.time_format)


def check_named(example: str, **lists: list[str]) -> None:
    """
    Args:
        example: of what to say instead.
        lists: files, or names of columns.

    Raises:
        ValueError: a list is empty, or names the same thing twice.
    """
    for argument, given in lists.items():
        if not given:
            raise ValueError(f"{argument}=[] leaves open which of your data to read; say so, such as {example}")
        check_once(argument, given)


def check_once(argument: str, names: list[str]) -> None:
    """
    Raises:
        ValueError: a file or a column is named twice.
    """
    once = list(dict.fromkeys(names))
    if len(once) < len(names):
        what = "file" if argument == "files" else "column"
        raise ValueError(f"{argument}={names} names a {what} twice; give each once, {argument}=[{','.join(once)}]")


def check_roles(role: str, columns: list[str], **others: str | None) -> None:
    """
    Args:
        role: the argument that names the columns.
        columns: what is learned from, or what is to be learned.
        others: by their arguments, columns that mean something else.

    Raises:
        ValueError: a column would be both.
    """
    for argument, column in others.items():
        if column in columns:
            raise ValueError(f"{argument}={column} is the column of {role}={columns} too; give another one of the two")


def check_apart(files: Mapping[str, Iterable[Path]]) -> None:
    """
    Args:
        files: of each split.

    Raises:
        ValueError: a file is in two splits, and would be trained on and tested on.
    """
    known: dict[Path, str] = {}
    for split, own in files.items():
        for path in own:
            first = known.setdefault(path.resolve(), split)
            if first != split:
                raise ValueError(
                    f"{path} is named by {ARGUMENTS[first]} and by {ARGUMENTS[split]}; a file belongs in one part of "
                    f"the data, so leave it out of one of them"
                )


def named_after(kind: str, files: Sequence[Path]) -> str:
    """The kind alone without files; "series:co2" for one, "series:a+3" for four."""
    return kind + (f":{files[0].stem}" if files else "") + (f"+{len(files) - 1}" if len(files) > 1 else "")


def facts_of(files: Iterable[Path]) -> list[dict[str, Any]]:
    """Names and sizes, for results.json."""
    return [{"name": path.name, "bytes": path.stat().st_size} for path in files]


def as_names(given: str | int | Sequence[str | int] | None) -> list[str]:
    """What a person wrote where one or several names may stand; the columns of a NumPy file are numbers."""
    return [str(given)] if isinstance(given, str | int) else [str(name) for name in given or []]


def as_name(given: str | int | None) -> str | None:
    """The same for one name, or none."""
    return None if given is None else str(given)
