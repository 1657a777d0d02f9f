"""Cells of a row: numbers, and what is shown again."""

import json
import math
from typing import Any

from seqmodels.predicting.rows.errors import BadRow
from seqmodels.tables.formats import Marks
from seqmodels.tables.numbers import missing_values, number


class Literal(str):
    """A number of a JSON line, as it was written."""


def as_number(cell: Any, marks: Marks = Marks()) -> float:  # noqa: B008, it cannot change
    """A cell as a number, as it would be in training: see `seqmodels.tables.numbers`.

    Raises:
        BadRow: it is none.
    """
    if cell is None:
        return math.nan
    if isinstance(cell, str):
        try:
            point = isinstance(cell, Literal) and marks.decimal != "."
            return number(cell, marks._replace(decimal=".") if point else marks)
        except ValueError as error:
            raise BadRow(str(error)) from None
    try:
        found = float(cell)
    except OverflowError:  # an integer with hundreds of digits
        return math.inf
    except (TypeError, ValueError):
        raise BadRow(f"{cell!r} is not a number") from None
    return math.nan if found in missing_values(marks).numbers else found


def as_text(cell: Any) -> str:
    """A cell for a CSV, or as the name of a stream; empty where it is missing."""
    if isinstance(cell, str):
        return cell
    if cell is None or cell != cell:
        return ""
    return json.dumps(cell, ensure_ascii=False) if isinstance(cell, bool | dict | list) else str(cell)


def as_json(cell: Any) -> str:
    """A cell for a JSON line."""
    if isinstance(cell, Literal):
        return cell
    if isinstance(cell, float) and not math.isfinite(cell):
        return "null"
    return json.dumps(cell, ensure_ascii=False, default=str)
