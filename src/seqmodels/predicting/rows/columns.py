"""Which columns of the input a run reads, and which are shown again beside its predictions."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from seqmodels.tables.columns import another_delimiter, check_there, check_unique


class Columns(NamedTuple):
    """Names of columns.

    Attributes:
        inputs: what the model reads.
        id: tells streams apart; None where all rows are one stream.
        time: must go forward within a stream; None where there is none.
        keep: others that are to be shown again.
        targets: what is predicted.
    """

    inputs: list[str]
    id: str | None
    time: str | None
    keep: list[str]
    targets: list[str]

    @property
    def shown(self) -> list[str]:
        """What stands before the predictions, each once."""
        first = [name for name in (self.id, self.time) if name is not None]
        return list(dict.fromkeys([*first, *self.keep]))

    @property
    def predictions(self) -> list[str]:
        """What the predictions are called."""
        return [f"{name}_pred" for name in self.targets]


def find(datamodule: Any, cfg: Mapping[Any, Any], id: str | None, keep: Sequence[str]) -> Columns:
    """What a run wants.

    Args:
        datamodule: of the run, or its runtime: what knows the names.
        cfg: of the datamodule, whose `group` and `time` name columns if it has them.
        id: the column that tells streams apart, "" for none; None means the run's own.
        keep: further columns to show.

    Raises:
        ValueError: two columns of the output would have the same name.
    """
    group, time = (None if cfg.get(key) is None else str(cfg[key]) for key in ("group", "time"))
    columns = Columns(
        list(datamodule.input_names),
        group if id is None else id or None,
        time,
        list(keep),
        list(datamodule.target_names),
    )
    twice = set(columns.shown) & set(columns.predictions)
    if twice:
        raise ValueError(f"keep={sorted(twice)[0]} is what a prediction is called; rename that column")
    return columns


def fit(columns: Columns, found: Sequence[str], source: str, must: Sequence[str], delimiter: str) -> Columns:
    """The columns, without an id and a time that the input does not have.

    Args:
        columns: what is wanted.
        found: what there is.
        source: of the input, for errors.
        must: what has to be there.
        delimiter: between the cells of the input, where it is text.

    Raises:
        ValueError: one is missing or there twice.
    """
    remedy = another_delimiter(found, delimiter)
    if not remedy and columns.id is not None and columns.id in must:
        check_there(source, [columns.id], found, "; id= says that all rows are one stream")
    check_there(source, must, found, remedy)
    here = columns._replace(
        id=columns.id if columns.id in found else None, time=columns.time if columns.time in found else None
    )
    check_unique(source, [*here.inputs, *here.shown], found)
    return here
