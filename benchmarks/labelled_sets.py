"""The table of docs/benchmarks.md on sets of the UCR and UEA archives: what each core reaches on each, beside the
nearest neighbour, which is computed here.

python -m seqmodels.train -m +experiment=ucr seed=1,2,3 core=lstm,gru,lru,s5,lin_oss,tcn callbacks=none resume=auto
    datamodule.dataset=GunPoint,ItalyPowerDemand,ArrowHead,OSULeaf,BasicMotions,JapaneseVowels
python -m seqmodels.report outputs/ucr
python benchmarks/labelled_sets.py outputs/ucr/report.csv
"""

import argparse
import csv
import statistics
from pathlib import Path

import numpy as np

from seqmodels.datamodules.labelled.datamodule import LabelledSeries
from seqmodels.datamodules.labelled.sequences import Sequences


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    reached: dict[str, dict[str, list[float]]] = {}
    with parser.parse_args().file.open() as opened:
        for run in csv.DictReader(opened):
            said = dict(word.partition("=")[::2] for word in run["overrides"].split())
            if run["counts"] == "yes" and said.keys() >= {"core", "datamodule.dataset"}:
                cores = reached.setdefault(said["datamodule.dataset"], {})
                cores.setdefault(said["core"], []).append(100 * float(run["test/acc"]))
    names = sorted({core for cores in reached.values() for core in cores})
    print(f"| set | 1-NN | {' | '.join(names)} |\n|" + "---|" * (2 + len(names)))
    for dataset, cores in reached.items():
        data = LabelledSeries(dataset=dataset)
        train, test = (data.read(data.patterns[split]) for split in ("train", "test"))
        cells = [f"{100 * nearest_neighbour(train, test):.1f}", *(cell(cores.get(name, [])) for name in names)]
        print(f"| {dataset} | {' | '.join(cells)} |")


def cell(accuracies: list[float]) -> str:
    """Mean and standard deviation over the seeds; of one seed, what it reached."""
    if len(accuracies) < 2:
        return f"{accuracies[0]:.1f}" if accuracies else ""
    return f"{statistics.mean(accuracies):.1f} ± {statistics.stdev(accuracies):.1f}"


def nearest_neighbour(train: Sequences, test: Sequences) -> float:
    """The accuracy of the class of the training sequence at the least Euclidean distance, of all dimensions together
    and as they stand in the file; a shorter sequence goes on with its last step.
    """
    longest = int(max(train.lengths.max(), test.lengths.max()))
    known, asked = padded(train, longest), padded(test, longest)
    labels = train.labels or []
    found = [labels[int(((known - one) ** 2).sum(1).argmin())] for one in asked]
    return float(np.mean([name == label for name, label in zip(found, test.labels or [], strict=True)]))


def padded(part: Sequences, longest: int) -> np.ndarray:
    """(N, longest * D)."""
    steps = np.minimum(np.arange(longest), part.lengths[:, None] - 1)
    return part.values[part.starts[:, None] + steps].reshape(len(part.lengths), -1)


if __name__ == "__main__":
    main()
