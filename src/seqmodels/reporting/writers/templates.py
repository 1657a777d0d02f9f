"""report.html and report.md are templates (Jinja) in this folder; here is what both may call."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from seqmodels.reporting.columns import LEGEND, columns, direction, left_out, mixed, tally
from seqmodels.reporting.comparing import rows, verdict
from seqmodels.reporting.crossing import crossings
from seqmodels.reporting.wording import clean, duration, number, plural

CALLED = (clean, columns, crossings, direction, duration, left_out, mixed, number, plural, rows, tally, verdict)

MARK = "<!-- written by seqmodels.report, which writes it anew each time: keep your own words in another file -->"
"""By which the command knows its own files."""


def environment(**options: Any) -> Environment:
    """Templates in which every value is escaped, so that no name of a run becomes HTML or Markdown.

    Args:
        options: of `jinja2.Environment`.
    """
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **options,
    )
    made.globals |= {function.__name__: function for function in CALLED} | {"LEGEND": LEGEND}
    return made
