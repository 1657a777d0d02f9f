"""The columns of a trained run, and others in their place: a model knows its inputs by their order alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from seqmodels.datamodules.files import as_names

Columns = Mapping[str, Sequence[str]]

ROLES = {"inputs": "targets", "targets": "inputs"}


def columns_of(cfg: Mapping[str, Any]) -> Columns:
    """The names that a config gives to what goes in and to what comes out."""
    data = cfg.get("datamodule") or {}
    return {role: as_names(data.get(role)) for role in ROLES}


def check_columns(trained: Columns, wanted: Columns) -> None:
    """Other files may call their columns otherwise; a column of the training in the place of another is a mistake.

    Args:
        trained: as the run has them.
        wanted: as the command has them.

    Raises:
        ValueError: names the list, and the one of the training.
    """
    for role, other in ROLES.items():
        known = list(trained[role])
        for place, name in enumerate(wanted[role]):
            if known.index(name) != place if name in known else name in trained[other]:
                raise ValueError(
                    f"datamodule.{role}=[{','.join(wanted[role])}] has {name!r} in the place of another column: the "
                    f"model was trained with datamodule.{role}=[{','.join(known)}]; give them in this order, or names "
                    f"of other files' columns"
                )
