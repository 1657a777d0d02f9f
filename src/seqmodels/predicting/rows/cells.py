"""Cells of a row: numbers, and what is shown again."""

import json
import math
from typing import Any

from seqmodels.predicting.rows.errors import BadRow
from seqmodels.tables.cells import MISSING

_TRUTH = {"true": 1.0, "false": 0.0}


class Literal(str):
    """A number of a JSON line, as it was written."""


def as_number(cell: Any, decimal: str = ".") -> float:
    """A cell as a number, true as 1 and false as 0; NaN where it is missing.

    Raises:
        BadRow: it is neither.
    """
    if cell is None:
        return math.nan
    written = cell
    if isinstance(cell, str):
        text = cell.strip()
        if text in MISSING:
            return math.nan
        if decimal != "." and not isinstance(cell, Literal):
            text = text.replace(".", "?").replace(decimal, ".")  # a point may mean thousands; training refuses it too
        cell = _TRUTH.get(text.lower(), text)
    try:
        return float(cell)
    except OverflowError:  # an integer with hundreds of digits
        return math.inf
    except (TypeError, ValueError):
        raise BadRow(f"{written!r} is not a number") from None


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
