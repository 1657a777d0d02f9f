"""The report on the terminal."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from seqmodels.reporting.columns import BEST, columns, direction, left_out, mixed, tally
from seqmodels.reporting.comparing import Comparison, rows, verdict
from seqmodels.reporting.groups import Table
from seqmodels.reporting.wording import clean, plural

LISTED = 20
"""How many of the runs that do not count are named here; report.md names all."""


def show(tables: Sequence[Table], comparison: Comparison | None, notes: Sequence[str]) -> None:
    """Print everything that fits."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 160  # a file or a pipe has no width of its own
    for table in tables:
        console.print(Text(f"\n{table.title}", style="bold"), Text(f"({direction(table)}; {tally(table.runs)})"))
        _grid(console, *_cells(table))
        if len(table.listed) > BEST:
            console.print(Text(f"{plural(len(table.listed) - BEST, 'further group')} in report.html"))
        if warning := mixed(table):
            console.print(Text(warning, style="yellow"))
        _left_out(console, table)
    if comparison:
        console.print(Text(f"\nA: {comparison.a}\nB: {comparison.b}", style="bold"))
        heading, *lines = rows(comparison)
        _grid(console, heading, lines)
        for sentence in (verdict(comparison), *comparison.left_out):
            console.print(Text(sentence))
    for note in notes:
        console.print(Text(f"note: {clean(note)}", style="yellow"))


def _cells(table: Table) -> tuple[list[str], list[list[str]]]:
    shown = columns(table, brief=True)
    return [name for name, _ in shown], [[cell(group) for _, cell in shown] for group in table.listed[:BEST]]


def _grid(console: Console, heading: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    grid = RichTable(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for index, name in enumerate(heading):
        grid.add_column(Text(name), justify="left" if index == 0 else "right", overflow="fold", no_wrap=index > 0)
    for line in lines:
        grid.add_row(*map(Text, line))
    console.print(grid)


def _left_out(console: Console, table: Table) -> None:
    for heading, rest in left_out(table):
        console.print(Text(f"{heading}: {plural(len(rest), 'run')}"))
        for _, run, reason in rest[:LISTED]:
            console.print(Text(f"  {clean(run.folder.name)}  {reason}"), soft_wrap=True)
        if len(rest) > LISTED:
            console.print(Text(f"  and {len(rest) - LISTED} more, in report.md"))
