"""Rows of the tables in docs/benchmarks.md, from the report.csv of finished runs.

python -m seqmodels.report outputs/smnist_lstm outputs/smnist_s4d
python benchmarks/accuracy.py outputs/smnist_lstm/report.csv
"""

import argparse
import csv
import statistics
from collections.abc import Sequence
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    experiments: dict[str, list[dict[str, str]]] = {}
    for file in parser.parse_args().files:
        with file.open() as opened:
            for run in csv.DictReader(opened):
                if run["counts"] == "yes" and run.get("test/acc"):  # other runs of the report measure something else
                    permuted = run.get("datamodule.permutation", "null") != "null"
                    experiments.setdefault(f"`{run['experiment']}`{', permuted' * permuted}", []).append(run)
    print("| experiment | parameters | updates | test accuracy | seeds | minutes a run | device |\n|" + "---|" * 7)
    for name, runs in experiments.items():
        print(row(name, runs))


def row(name: str, runs: Sequence[dict[str, str]]) -> str:
    """One experiment over its seeds."""
    accuracy = [100 * float(run["test/acc"]) for run in runs]
    spread = f" ± {statistics.stdev(accuracy):.2f}" if len(runs) > 1 else ""
    minutes = [float(run["seconds"]) / 60 for run in runs]
    cells = (
        name,
        " or ".join(sorted({f"{int(run['parameters']):,}" for run in runs})),
        " or ".join(sorted({f"{int(run['steps']):,}" for run in runs})),
        f"{statistics.mean(accuracy):.2f}{spread}",
        ", ".join(sorted((run["seed"] for run in runs), key=int)),
        f"{min(minutes):.1f} to {max(minutes):.1f}",
        " or ".join(sorted({run["device"] for run in runs})),
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
