"""Names from files on their way to a screen, a log or a spreadsheet."""

import csv
import logging
from io import StringIO
from pathlib import Path

import pytest

from seqmodels.cli.logging import log_to
from seqmodels.reporting.writers.runs_csv import runs_csv
from seqmodels.system.terminal import plain_cell, printable
from tests.conftest import Command

NASTY = "\x1b[2J\x1b]0;x\x07\r\u202e\x9b31m"


def steers(text: str) -> bool:
    return any(not sign.isprintable() and sign not in "\n\t" for sign in text)


def test_what_would_steer_a_terminal_is_shown_as_it_is_written() -> None:
    assert printable("Last (kW), größe 5 µm\n") == "Last (kW), größe 5 µm\\n"
    assert printable("\x1b[31m\u202e\ud800") == "\\x1b[31m\\u202e\\ud800"
    assert printable("a\nb", keep="\n") == "a\nb"


def test_a_log_has_one_line_for_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    Path("run").mkdir()
    log_to(Path("run"))
    logging.getLogger("x").info("%s is %d of %.1f", f"a\n[2026-01-01][root][INFO] ok{NASTY}", 3, 2.0)
    logging.getLogger("x").warning("two\nlines of ours")
    text = Path("run/train.log").read_text()
    assert not steers(text + capsys.readouterr().out)
    assert len(text.splitlines()) == 3
    assert "is 3 of 2.0" in text


@pytest.mark.parametrize(
    "words",
    [
        ["evaluate", f"run={NASTY}"],
        ["train", f"resume={NASTY}"],
        ["report", f"{NASTY}"],
        ["predict", "run=x", f"input={NASTY}", "output=z"],
    ],
)
def test_a_message_steers_nothing(words: list[str], invoke: Command, capfd: pytest.CaptureFixture[str]) -> None:
    assert invoke(*words) == 1
    shown = capfd.readouterr()
    assert "\\x1b[2J" in shown.err
    assert not steers(shown.out + shown.err)


@pytest.mark.parametrize("cell", ["=1+1", "+a", "-2+3", "@SUM(A1)", " =x", "\t=x", "=cmd|' /C calc'!A0"])
def test_a_spreadsheet_calculates_no_text(cell: str) -> None:
    assert plain_cell(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["-1.5", "+3", "-", "a=b", "", -1.5, None, "-1e-3"])
def test_what_is_no_formula_stays(cell: object) -> None:
    assert plain_cell(cell) == cell


def test_a_report_of_hostile_names_has_no_formula() -> None:
    from seqmodels.reporting.folders import runs_below
    from seqmodels.reporting.groups import tables_of
    from tests.support.report_runs import make_run

    make_run(Path("runs/a"), 0.7, name="=HYPERLINK(1)")
    text = runs_csv(tables_of(runs_below([Path("runs")])[0]), Path("runs"))
    cells = [cell for row in csv.reader(StringIO(text)) for cell in row]
    assert any("HYPERLINK" in cell for cell in cells)
    assert not [cell for cell in cells if cell.startswith("=")]
