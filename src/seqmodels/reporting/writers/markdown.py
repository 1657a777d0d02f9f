"""report.md: the tables, to be pasted into a paper's draft or an issue."""

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from seqmodels.reporting.columns import BEST
from seqmodels.reporting.comparing import Comparison
from seqmodels.reporting.groups import Table
from seqmodels.reporting.runs import Run
from seqmodels.reporting.wording import clean
from seqmodels.reporting.writers.templates import MARK, environment


def markdown(tables: Sequence[Table], comparison: Comparison | None, notes: Sequence[str], folder: Path) -> str:
    """The whole file; `folder` is where it will lie."""

    def near(run: Run) -> str:
        return clean(run.folder.relative_to(folder) if run.folder.is_relative_to(folder) else run.folder)

    return (
        environment(finalize=_escaped)
        .get_template("report.md.jinja")
        .render(mark=Markup(MARK), tables=tables, comparison=comparison, notes=notes, best=BEST, near=near, code=_code)
    )


def _escaped(value: object) -> Markup:
    """Text whose signs shall not become Markdown or HTML."""
    if isinstance(value, Markup):
        return value
    signs = ("\\" + sign if sign in r"\`*_[]<>|#" else sign for sign in str(value))
    return Markup("".join(signs).replace("&", "&amp;"))


def _code(name: str) -> Markup:
    """A name as it is; inside a table even code must not hold a bare bar, and no backtick can stand between two."""
    return Markup(f"`{name.replace('`', chr(39)).replace('|', chr(92) + '|')}`" if name else "-")
