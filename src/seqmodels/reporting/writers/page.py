"""report.html: tables, figures and links in one file that needs no network and no script."""

from collections.abc import Sequence
from datetime import datetime
from os import fsencode
from os.path import relpath
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup

import seqmodels
from seqmodels.reporting import figures
from seqmodels.reporting.accuracy import accuracy_curves
from seqmodels.reporting.comparing import Comparison
from seqmodels.reporting.groups import Table
from seqmodels.reporting.heat_map import grids, heat_map
from seqmodels.reporting.panels import COLOURS
from seqmodels.reporting.runs import Run
from seqmodels.reporting.state_size import by_state_size
from seqmodels.reporting.wording import clean
from seqmodels.reporting.writers.templates import MARK, environment

LINKED = 12
"""How many runs of a group are linked in its row; the list of all runs has the others."""

MAPS = 4
"""How many heat maps a table gets."""

ILLUSTRATED = 12
"""How many tables get figures; a folder with everything that was ever tried holds more."""


def page(tables: Sequence[Table], comparison: Comparison | None, notes: Sequence[str], folder: Path) -> str:
    """The whole file; `folder` is where it will lie, and what its links start from."""

    def address(run: Run) -> str:
        """Relative, so that page and runs can move together; behind `./` a colon in a name makes no scheme."""
        return quote(fsencode(f"./{relpath(run.folder, folder)}/"))

    made = environment()
    made.filters["address"] = address
    return made.get_template("report.html.jinja").render(
        mark=Markup(MARK),
        title=clean(folder.name) or "Report",
        now=f"{datetime.now():%Y-%m-%d %H:%M}",
        version=seqmodels.__version__,
        tables=tables,
        runs=[run for table in tables for run in table.runs],
        comparison=comparison,
        notes=notes,
        colours=COLOURS,
        linked=LINKED,
        illustrated=ILLUSTRATED,
        figures_of=_figures,
    )


def _figures(table: Table) -> list[tuple[Markup, str]]:
    """Each with its caption."""
    captions = figures.captions(table)
    found = grids(table)
    maps = "".join(heat_map(table, grid) for grid in found[:MAPS])
    of_maps = "Brighter is better; the best cell is framed."
    if len(found) > MAPS:
        of_maps += f" {MAPS} of {len(found)} grids are drawn."
    drawn = [
        (figures.comparison(table), captions["comparison"]),
        (figures.learning_curves(table), captions["curves"]),
        (accuracy_curves(table), captions["accuracy"]),
        (by_state_size(table), captions["state"]),
        (f'<div class="maps">{maps}</div>' if maps else "", of_maps),
    ]
    return [(Markup(figure), caption) for figure, caption in drawn if figure]
