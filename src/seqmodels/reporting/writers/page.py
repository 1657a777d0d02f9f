"""report.html: tables, figures and links in one file that needs no network and no script."""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from os import fsencode
from os.path import relpath
from pathlib import Path
from urllib.parse import quote

import seqmodels
from seqmodels.reporting import figures
from seqmodels.reporting.columns import LEGEND, columns, direction, left_out, mixed, tally
from seqmodels.reporting.comparing import Comparison, rows, verdict
from seqmodels.reporting.groups import Group, Table
from seqmodels.reporting.heat_map import grids, heat_map
from seqmodels.reporting.runs import Run
from seqmodels.reporting.wording import clean, duration, number, plural
from seqmodels.reporting.writers.markdown import MARK

LINKED = 12
"""How many runs of a group are linked in its row; the list of all runs has the others."""

MAPS = 4

ILLUSTRATED = 12
"""How many tables get figures; a folder with everything that was ever tried holds more."""


def page(tables: Sequence[Table], comparison: Comparison | None, notes: Sequence[str], folder: Path) -> str:
    """The whole file; `folder` is where it will lie, and what its links start from."""
    runs = [run for table in tables for run in table.runs]
    title = clean(folder.name) or "Report"
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    links = "".join(f'<a href="#t{i}">{escape(table.title)}</a> ' for i, table in enumerate(tables))
    sections = [_section(i, table, folder) for i, table in enumerate(tables)]
    return "\n".join(
        [
            "<!doctype html>",
            MARK,
            f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>\n{style}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            f'<p class="soft">{escape(tally(runs))}. Written {datetime.now():%Y-%m-%d %H:%M} '
            f"by seqmodels {escape(seqmodels.__version__)}.</p>",
            *(f'<p class="warn">{escape(clean(note))}.</p>' for note in notes),
            f"<nav>{links}</nav>" if len(tables) > 1 else "",
            _comparison(comparison) if comparison else "",
            *sections,
            f"<footer><p>{escape(LEGEND)}</p></footer>",
            "</body></html>\n",
        ]
    )


def _section(index: int, table: Table, folder: Path) -> str:
    parts = [f'<section id="t{index}"><h2>{escape(table.title)}</h2>']
    parts.append(f'<p class="soft">{escape(direction(table))}; {escape(tally(table.runs))}.</p>')
    if warning := mixed(table):
        parts.append(f'<p class="warn">{escape(warning)}</p>')
    parts.append(_groups(table, folder))
    if index < ILLUSTRATED:
        parts += _figures(table)
    elif any(group.runs for group in table.groups):
        parts.append(f'<p class="soft">Figures are drawn for the first {ILLUSTRATED} tables.</p>')
    parts += [_left_out(table, folder), _all_runs(table, folder), "</section>"]
    return "\n".join(filter(None, parts))


def _figures(table: Table) -> list[str]:
    captions = figures.captions(table)
    parts = []
    for svg, caption in (
        (figures.comparison(table), captions["comparison"]),
        (figures.learning_curves(table), captions["curves"]),
    ):
        if svg:
            parts.append(f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>")
    found = grids(table)
    maps = [heat_map(table, grid) for grid in found[:MAPS]]
    if any(maps):
        caption = "Brighter is better; the best cell is framed."
        if len(found) > MAPS:
            caption += f" {MAPS} of {len(found)} grids are drawn."
        parts.append(f'<figure><div class="maps">{"".join(maps)}</div><figcaption>{caption}</figcaption></figure>')
    return parts


def _groups(table: Table, folder: Path) -> str:
    shown = columns(table, joined=True)
    lines = []
    for rank, group in enumerate(table.listed):
        mark = f' style="--mark:{figures.COLOURS[rank]}"' if rank < figures.DRAWN and group.runs else ""
        name = f'<td><span class="mark"{mark}></span>{escape(group.label)}</td>'
        cells = "".join(f"<td>{_cell(cell(group))}</td>" for _, cell in shown[1:])
        lines.append(f'<tr>{name}<td class="runs">{_seeds(group, folder)}</td>{cells}</tr>')
    grid = _grid(["group", "runs by seed", *(name for name, _ in shown[1:])], lines)
    return f'<div class="groups">{grid}</div>'


def _cell(text: str) -> str:
    """The interval behind a mean goes below it, or the table would be too wide."""
    mean, bracket, ends = escape(text).partition(" [")
    return f'{mean}<br><span class="soft">[{ends}</span>' if bracket else mean


def _seeds(group: Group, folder: Path) -> str:
    links = [_link(run, folder, "run" if run.seed is None else str(run.seed)) for run in group.runs[:LINKED]]
    return " ".join(links) + (f" and {len(group.runs) - LINKED} more" if len(group.runs) > LINKED else "")


def _left_out(table: Table, folder: Path) -> str:
    return "".join(_listed_apart(heading, rest, folder) for heading, rest in left_out(table))


def _listed_apart(heading: str, rest: Sequence[tuple[Group, Run, str]], folder: Path) -> str:
    lines = [
        f'<tr><td>{_link(run, folder, clean(run.folder.name))}</td><td class="wide">{escape(reason)}</td>'
        f'<td class="wide">{escape(group.label)}</td></tr>'
        for group, run, reason in rest
    ]
    return f"<h3>{heading}: {plural(len(rest), 'run')}</h3>" + _grid(["run", "why", "group"], lines, left=True)


def _all_runs(table: Table, folder: Path) -> str:
    lines = []
    for group in table.groups:
        for run in group.runs:
            value = number(run.value, group.value.sd if group.value else None)
            cells = (str(run.seed if run.seed is not None else "-"), value, duration(run.seconds))
            lines.append(
                f"<tr><td>{_link(run, folder, clean(run.folder.name))}</td>"
                f"{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}"
                f'<td class="wide">{escape(group.label)}</td></tr>'
            )
    if not lines:
        return ""
    grid = _grid(["run", "seed", clean(table.monitor), "run time", "group"], lines)
    return f"<details><summary>Every run that counts ({len(lines):,})</summary>{grid}</details>"


def _comparison(comparison: Comparison) -> str:
    heading, *lines = rows(comparison)
    body = [f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in line)}</tr>" for line in lines]
    rest = "".join(f"<li>{escape(sentence)}</li>" for sentence in comparison.left_out)
    return (
        f"<section><h2>A − B</h2><p>A: {escape(comparison.a)}<br>B: {escape(comparison.b)}</p>"
        f"{_grid(heading, body)}<p>{escape(verdict(comparison))}</p>"
        + (f"<ul>{rest}</ul>" if rest else "")
        + "</section>"
    )


def _grid(heading: Sequence[str], lines: Sequence[str], left: bool = False) -> str:
    side = ' class="left"' if left else ""
    head = "".join(f"<th{side}>{escape(name)}</th>" for name in heading)
    body = "\n".join(lines)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>'


def _link(run: Run, folder: Path, text: str) -> str:
    """Relative, so that the page and the runs can move together; `./` keeps a colon in a name from being a scheme."""
    address = quote(fsencode(f"./{relpath(run.folder, folder)}/"))
    return f'<a href="{address}">{escape(text)}</a>'
