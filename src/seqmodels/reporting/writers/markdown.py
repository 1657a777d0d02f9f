"""report.md: the tables, to be pasted into a paper's draft or an issue."""

from collections.abc import Sequence
from pathlib import Path

from seqmodels.reporting.columns import BEST, LEGEND, columns, direction, left_out, mixed, tally
from seqmodels.reporting.comparing import Comparison, rows, verdict
from seqmodels.reporting.groups import Table
from seqmodels.reporting.wording import clean, plural

MARK = "<!-- written by seqmodels.report, which writes it anew each time: keep your own words in another file -->"


def markdown(tables: Sequence[Table], comparison: Comparison | None, notes: Sequence[str], folder: Path) -> str:
    """The whole file; `folder` is where it will lie."""
    parts = [MARK, "# Report"]
    if comparison:
        parts += [f"## {_code(comparison.a)} (A) − {_code(comparison.b)} (B)", _table(*_split(rows(comparison)))]
        parts += [_text(verdict(comparison)), "\n".join(f"- {_text(sentence)}" for sentence in comparison.left_out)]
    for table in tables:
        parts += [f"## {_text(table.title)}", f"{_text(direction(table))}; {tally(table.runs)}."]
        shown = columns(table)
        lines = [[_code(group.label), *(_text(cell(group)) for _, cell in shown[1:])] for group in table.listed[:BEST]]
        parts.append(_table([_text(name) for name, _ in shown], lines))
        if len(table.listed) > BEST:
            parts.append(f"{plural(len(table.listed) - BEST, 'further group')} in report.html and report.csv.")
        if warning := mixed(table):
            parts.append(warning)
        for heading, rest in left_out(table):
            lines = [
                [_code(group.label), _code(_near(run.folder, folder)), _text(reason)] for group, run, reason in rest
            ]
            parts += [f"{heading}: {plural(len(rest), 'run')}.", _table(["group", "folder", "why"], lines)]
    parts += [*(f"Note: {_text(clean(note))}." for note in notes), LEGEND]
    return "\n\n".join(filter(None, parts)) + "\n"


def _near(run: Path, folder: Path) -> str:
    return clean(run.relative_to(folder) if run.is_relative_to(folder) else run)


def _split(lines: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    heading, *rest = ([_text(cell) for cell in line] for line in lines)
    return heading, rest


def _table(heading: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    below = ["---", *["---:"] * (len(heading) - 1)] if heading[-1] != "why" else ["---"] * len(heading)
    return "\n".join(f"| {' | '.join(line)} |" for line in (heading, below, *lines))


def _text(words: str) -> str:
    """Words whose signs shall not become Markdown or HTML."""
    return "".join(f"\\{sign}" if sign in r"\`*_[]<>|#" else sign for sign in words).replace("&", "&amp;")


def _code(words: str) -> str:
    """A name as it is; inside a table even code must not hold a bare bar, and no backtick can stand between two."""
    return f"`{words.replace('`', chr(39)).replace('|', chr(92) + '|')}`" if words else "-"
