"""Compare runs over seeds:

python -m seqmodels.report outputs/mnist_lstm
python -m seqmodels.report outputs/sine_stream/sweep_* --compare core=gru core=lstm

Reads results.json, the config and metrics.csv of every run in and below the folders. Runs whose configs differ in
nothing but the seed are one group; what only says where a run ran or what it showed (devices, threads, loggers,
workers, our own callbacks) does not count. Experiments of the same task share a table. Runs on different data are
never mixed, also where a file was changed under its path. A run counts with the weights that it tests, the best by its
monitor or with test=last the last. Prints a table sorted by the monitor, and writes report.md, report.csv (one row a
run) and report.html (figures, links) into the folder given, or what the folders have in common. Of two runs with the
same settings and seed the newer one counts; failed, interrupted, unfinished and pruned runs are listed and do not
count.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from seqmodels.cli.arguments import OptionParser
from seqmodels.cli.command import run_command
from seqmodels.system.process import leave


def main() -> None:
    """The command `seqmodels-report`, the same as `python -m seqmodels.report`."""
    leave(run_command(command))


def command() -> None:
    """What sys.argv asks for."""
    parser = OptionParser("report", __doc__)
    parser.add_argument("folders", nargs="*", metavar="FOLDER", help="runs, sweeps, studies, or folders above them")
    parser.add_argument("--out", metavar="FOLDER", help="where the report goes")
    parser.add_argument(
        "--compare",
        nargs=2,
        metavar=("A", "B"),
        help="the difference A - B with its interval, paired by seed where seeds match; each is (a part of) a group's "
        "name, or a folder whose runs are one group",
    )
    given = parser.parse_intermixed_args()
    folders = given.folders or [name for name in given.compare or () if Path(name).is_dir()]
    if not folders:
        parser.error("give folders of runs, such as outputs/mnist_lstm")
    place = report(folders, given.out, given.compare)
    print(f"\n{place / 'report.html'}\n(report.md and report.csv beside it)", file=sys.stdout)


def report(folders: Sequence[str | Path], out: str | None = None, compare: Sequence[str] | None = None) -> Path:
    """Print the tables and write the three files.

    Args:
        folders: of runs, or above them.
        out: where the files go; None chooses the folder given, or what the folders have in common.
        compare: two groups, by name or by folder.

    Returns:
        The folder of the files.

    Raises:
        ValueError, OSError: the input does not allow it; the message says what to change. Nothing is written then.
    """
    from seqmodels.reporting import comparing
    from seqmodels.reporting.folders import runs_below
    from seqmodels.reporting.groups import tables_of
    from seqmodels.reporting.writers import files, markdown, page, runs_csv, terminal

    places = [Path(folder) for folder in folders]
    runs, notes = runs_below(places)
    place = files.place_of(out, places)
    files.check_free(place)
    tables = tables_of(runs)
    comparison = comparing.compare(tables, *compare) if compare else None
    terminal.show(tables, comparison, notes)
    contents = {
        "report.md": markdown.markdown(tables, comparison, notes, place),
        "report.csv": runs_csv.runs_csv(tables, place),
        "report.html": page.page(tables, comparison, notes, place),
    }
    files.write(place, contents)
    return place


if __name__ == "__main__":
    main()
