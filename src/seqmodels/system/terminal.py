"""Text from files and names on its way to a screen, a log or a spreadsheet."""

import sys
from typing import IO


def printable(text: object, keep: str = "") -> str:
    r"""The text with `\x1b` and the like in place of what would steer a terminal, begin a line or turn text around.

    Args:
        text: anything.
        keep: signs that stay as they are, such as the ends of lines of our own messages.
    """
    return "".join(
        sign if sign.isprintable() or sign in keep else sign.encode("unicode_escape", "backslashreplace").decode()
        for sign in str(text)
    )


def say(text: object, file: IO[str] | None = None) -> None:
    """Print a message of our own, in which names from files stand, at once; on standard output, if no file is given."""
    print(printable(text, keep="\n\t"), file=file or sys.stdout, flush=True)


def plain_cell(value: object) -> object:
    """The cell of a table that a spreadsheet may open: a text that it would calculate begins with a quote.

    Numbers stay numbers, negative ones too. Source: OWASP, CSV Injection.
    """
    if not isinstance(value, str) or not value.lstrip().startswith(("=", "+", "-", "@", "\t", "\r")):
        return value
    return value if _is_number(value) else f"'{value}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text == "-"
    return True
