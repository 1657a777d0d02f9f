"""What a cell means as a number: one rule, for the rows that are trained on and for those that are predicted.

    7  -0.5  .5  5.  1e5  inf  true        numbers; beyond the range of a double infinite, as 1e400 is
    ""  NA  null  NaN  nan(1)  1.#IND      missing, and what `missing_values` adds to them
    1_000  ٣  0x10  ---                    neither

`number` reads one cell; `cells.as_numbers` reads columns through pyarrow. A law in the tests holds them to the same.
"""

import math
import re
from functools import cache

from seqmodels.tables.formats import Marks

MISSING = (
    *("", "NA", "N/A", "n/a", "#N/A", "#NA", "#N/A N/A", "NULL", "null", "<NA>", "None"),
    *("NaN", "nan", "-NaN", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"),
)
"""How a number that is missing may be written; also NaN in other letters, and with what C adds in brackets."""

_NAN = re.compile(r"[+-]?nan(\([0-9A-Za-z_]*\))?", re.IGNORECASE)

LONGEST = 80
"""Characters of a cell that a message shows."""

TRUTH = {"true": 1.0, "false": 0.0}


class MissingValues:
    """What `missing_values` lists.

    Attributes:
        texts: as they stand in a file.
        numbers: of those that are numbers, which are missing however they are written: -9999 also as -9999.0.
    """

    def __init__(self, marks: Marks) -> None:
        self.texts = frozenset(str(value) for value in marks.missing_values)
        self.numbers = [number for value in marks.missing_values if (number := _as_number(value, marks)) is not None]


missing_values = cache(MissingValues)


def number(cell: str, marks: Marks = Marks()) -> float:  # noqa: B008, it cannot change
    """A cell as a number, true as 1 and false as 0; NaN where it is missing.

    Args:
        cell: as it stands in the file; white space around it does not count.
        marks: of the file.

    Raises:
        ValueError: it is neither.
    """
    if marks.decimal == "." and not marks.missing_values and _is_plain(cell):  # most are, and are to cost nothing
        try:
            return float(cell)
        except ValueError:
            pass
    text, listed = cell.strip(), missing_values(marks)
    if text in MISSING or text in listed.texts:
        return math.nan
    try:
        found = _parsed(text if marks.decimal == "." else pointed(text, marks.decimal))
    except ValueError:
        raise ValueError(f"{shown(cell)} is not a number{hint(text, marks)}") from None
    return math.nan if found in listed.numbers else found


def hint(text: str, marks: Marks) -> str:
    """What to do about a cell that is no number, as the end of a message."""
    text = text.strip()
    if marks.decimal == "." and re.fullmatch(r"[+-]?[0-9]+,[0-9]+", text):
        return "; where commas separate the decimals, give 'datamodule.decimal=\",\"'"
    if (
        len(text) < 12
        and text.isprintable()
        and "'" not in text
        and '"' not in text
        and "\\" not in text
        and not re.match(r"[+-]?[0-9.]", text)
    ):
        return f"; if that means a missing number, give 'datamodule.missing_values=[\"{text}\"]'"
    return ""


def shown(text: str) -> str:
    """A cell as a message shows it: in quotes, and no more than the beginning of one that is long."""
    return repr(text) if len(text) <= LONGEST else f"{text[:LONGEST]!r}… ({len(text):,} characters)"


def pointed(text: str, decimal: str) -> str:
    """With a point before the decimals; where that is written otherwise, a point is no part of a number.

    1.234 may be a thousand there.
    """
    return text.replace(".", "?").replace(decimal, ".")


def _parsed(text: str) -> float:
    if _is_plain(text):
        try:
            return TRUTH[text.lower()] if text.lower() in TRUTH else float(text)
        except ValueError:
            pass
    if _NAN.fullmatch(text):
        return math.nan
    raise ValueError(text)


def _is_plain(text: str) -> bool:
    """Else Python would read the digits of every script, and 1_000."""
    return text.isascii() and "_" not in text


def _as_number(value: str | float, marks: Marks) -> float | None:
    if not isinstance(value, str):
        return float(value)
    try:
        return _parsed(value if marks.decimal == "." else pointed(value, marks.decimal))
    except ValueError:
        return None
