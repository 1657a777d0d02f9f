"""What a process costs beside its steps: from start to exit, now and at another commit, and what it imports.

    git worktree add before COMMIT
    python benchmarks/start.py --before before --root FOLDER_OF_MNIST --script tutorial_mnist.py --rounds 5
    python benchmarks/start.py --before before --task report --task sine_rnn --cpu --rounds 9
    python benchmarks/start.py --before before --imports seqmodels.report seqmodels.runs.build

Each task is a table: `mnist_lstm` and `sine_rnn` are whole trainings, `predict` a file of one row, `report` one on 3
runs; `before` is the same at that commit, `script` the tutorial's own file. Processes are fresh and alternate. `--cpu`
counts CPU seconds, for a machine that does other things too. `--imports` shows what the slowest imports are instead.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from alternate import measure, report, table
from report_time import make

TASKS = ("mnist_lstm", "sine_rnn", "predict", "report")
HERE = Path(__file__).resolve().parents[1]


def run(command: Sequence[str], checkout: str, threads: int) -> tuple[float, float]:
    """Seconds and CPU seconds of a process that takes seqmodels from this checkout."""
    environment = {**os.environ, "PYTHONPATH": str(Path(checkout).resolve() / "src"), "OMP_NUM_THREADS": str(threads)}
    before, started = os.times(), time.perf_counter()
    done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, check=False)
    seconds, after = time.perf_counter() - started, os.times()
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, cpu


def command_of(task: str, variant: str, words: argparse.Namespace, scratch: Path) -> list[str]:
    """What the variant of a task runs, below `scratch`, where `prepare` has been."""
    train = ["-m", "seqmodels.train", "trainer=cpu", f"threads={words.threads}", f"hydra.run.dir={scratch}/{variant}"]
    if variant == "script":
        return [words.script, words.root, "--threads", str(words.threads)]
    return {
        "mnist_lstm": [*train, "+experiment=mnist_lstm", f"datamodule.root={words.root}"],
        "sine_rnn": [*train, "+experiment=sine_rnn"],
        "predict": [
            "-m", "seqmodels.predict", f"run={words.folder}/run", f"input={words.folder}/row.csv",
            f"output={scratch}/rows.csv",
        ],
        "report": ["-m", "seqmodels.report", f"{words.folder}/runs", "--out", str(scratch)],
    }[task]  # fmt: skip


def prepare(tasks: Sequence[str], folder: Path, checkout: str) -> None:
    """The runs that tasks read, made by the older code: runs are read by what comes after it."""
    if "report" in tasks:
        make(folder / "runs", 3)
    if "predict" in tasks:
        words = ["+experiment=sine_rnn", "trainer.max_steps=2", f"hydra.run.dir={folder}/run"]
        run(["-m", "seqmodels.train", *words], checkout, 1)
        (folder / "row.csv").write_text("x\n0.5\n")


def imports(modules: Sequence[str], checkouts: dict[str, str], longest: int = 15) -> None:
    """For each module and checkout: milliseconds of all imports, and of the packages that take most of them."""
    for module in modules:
        for name, checkout in checkouts.items():
            environment = {**os.environ, "PYTHONPATH": str(Path(checkout).resolve() / "src"), "OMP_NUM_THREADS": "1"}
            words = [sys.executable, "-X", "importtime", "-c", f"import {module}"]
            out = subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stderr
            packages: dict[str, float] = {}
            for line in out.splitlines()[1:]:
                own, _, imported = line.removeprefix("import time:").split("|")
                package = imported.strip().split(".")[0]
                packages[package] = packages.get(package, 0) + int(own) / 1000
            print(f"\n| {module}, {name} | ms by its own files |\n|---|---|\n| all | {sum(packages.values()):.0f} |")
            for package, ms in sorted(packages.items(), key=lambda item: -item[1])[:longest]:
                print(f"| {package} | {ms:.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", default="", help="another checkout, to compare with")
    parser.add_argument("--task", action="append", choices=TASKS, help="one of them, again for more; else all")
    parser.add_argument("--root", default="", help="the folder that holds MNIST/raw; else no mnist_lstm")
    parser.add_argument("--script", default="", help="the tutorial's own script for mnist_lstm")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cpu", action="store_true", help="CPU seconds")
    parser.add_argument("--imports", nargs="+", default=[], metavar="MODULE")
    parser.add_argument("--folder", default="", help=argparse.SUPPRESS)
    parser.add_argument("--variant", default="", help=argparse.SUPPRESS)
    words = parser.parse_args()
    checkouts = {"before": words.before} if words.before else {}
    checkouts["now"] = str(HERE)
    if words.variant:
        with tempfile.TemporaryDirectory() as scratch:
            command = command_of(words.task[0], words.variant, words, Path(scratch))
            report(run(command, checkouts.get(words.variant, ""), words.threads)[words.cpu])
        return
    if words.imports:
        imports(words.imports, checkouts)
        return
    tasks = words.task or [task for task in TASKS if task != "mnist_lstm" or words.root]
    with tempfile.TemporaryDirectory() as folder:
        prepare(tasks, Path(folder), words.before or str(HERE))
        for task in tasks:
            scripts = ["script"] * (task == "mnist_lstm" and bool(words.script))
            rest = [f"--before={words.before}", f"--task={task}", f"--root={words.root}", f"--script={words.script}"]
            rest += [f"--threads={words.threads}", f"--folder={folder}", *["--cpu"] * words.cpu]
            variants = [*scripts, *checkouts]
            print(f"\n{task}, {'CPU seconds' if words.cpu else 'seconds'} from start to exit")
            table(measure(__file__, variants, words.rounds, *rest), variants[0])


if __name__ == "__main__":
    main()
