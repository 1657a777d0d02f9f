"""Where the microseconds of a live row go: each part of its path in a loop of its own, in CPU time of one thread.

python benchmarks/live_row.py
python benchmarks/live_row.py --hidden 256 --layers 2

A part in a loop finds its code and data in the caches; between two pipes the process sleeps after every row and finds
them cold, so a row of `live` (live.py) takes longer than the sum. The parts are those of `python -m seqmodels.predict`
with input=- and output=-, one input, one target, without id and time.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from live import train_run

CALLS = 500
LINE = b"0.123456\n"


def microseconds(parts: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """CPU time of a call of each, the 25 % quantile of rounds in which they take turns."""
    found: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(rounds + 1):
        for name, part in parts.items():
            began = time.process_time()
            for _ in range(CALLS):
                part()
            found[name].append((time.process_time() - began) / CALLS * 1e6)
    return {name: statistics.quantiles(times[1:], n=4)[0] for name, times in found.items()}


def of_torch(folder: Path) -> dict[str, Callable[[], Any]]:
    """From numbers to the prediction; each part holds the one before it."""
    import torch

    from seqmodels import load_run
    from seqmodels.predicting.predictor import Predictor

    torch.set_num_threads(1)
    run = load_run(folder)
    predictor = Predictor(run)
    module, runtime = run.module, predictor.runtime
    rnn, x = module.core.rnn, torch.zeros(1, 1, 1)
    with torch.inference_mode():
        predictor.step([0.5])
        state = predictor.streams[None].state
        assert state is not None
        weights, layers_first = list(rnn.parameters()), tuple(part.transpose(0, 1).contiguous() for part in state)
    options = (True, rnn.num_layers, 0.0, False, False, True)
    return {
        "torch's kernel of the LSTM": lambda: torch.lstm(x, layers_first, weights, *options),
        "nn.LSTM: its checks": lambda: rnn(x, layers_first),
        "the core: its call, the state's layout": lambda: module.core(x, state),
        "the module: normalisation and head": lambda: module(x, state),
        "the runtime: a row's tensor, a copy of the state": lambda: runtime.step([0.5], state, None),
        "the predictor: checks, the stream": lambda: predictor.look([0.5], None, None),
    }


def of_pipes(folder: Path) -> dict[str, Callable[[], Any]]:
    """From a line to a row, and from a prediction to a line; the first part is in the second and the fourth."""
    import numpy as np

    from seqmodels.predicting.latency import Latency
    from seqmodels.predicting.output import Encoder, Output
    from seqmodels.predicting.rows.clock import Clock
    from seqmodels.predicting.rows.columns import Columns
    from seqmodels.predicting.rows.csv import CsvRows
    from seqmodels.predicting.rows.errors import RowErrors
    from seqmodels.predicting.rows.lines import Lines
    from seqmodels.predicting.rows.reader import Reader
    from seqmodels.predicting.stopping import Stopping
    from seqmodels.tables.formats import Marks

    stopping = Stopping().__enter__()
    reads, feeds = os.pipe()
    os.write(feeds, b"x\n")
    errors = RowErrors("standard input", False)
    source = CsvRows(Lines(reads, errors.name, True, stopping), Marks(), errors)
    rows = Reader(Columns(["x"], None, None, [], ["y"]), Marks(), Clock({}, Marks())).rows(source, errors)
    os.mkfifo(folder / "answers")
    taken = os.open(folder / "answers", os.O_RDONLY | os.O_NONBLOCK)
    output, encoder, latency = (
        Output(str(folder / "answers"), False, stopping),
        Encoder("csv", [], ["y_pred"]),
        Latency(),
    )
    prediction = np.array([0.123456], np.float32)

    def there_and_back() -> None:
        os.write(feeds, LINE)
        os.read(reads, 65536)

    def read() -> None:
        os.write(feeds, LINE)
        next(rows)

    def write() -> None:
        output.write("0.123456\n")
        os.read(taken, 65536)

    return {
        "a write and a read": there_and_back,
        "waiting, reading, the line, CSV, the number": read,
        "the prediction as a line": lambda: encoder.row((), prediction),
        "waiting for room, writing": write,
        "how long it took": lambda: latency.add(time.perf_counter()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("rounds", 40), ("hidden", 64), ("layers", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train_run(folder / "run", words.hidden, words.layers)
        import torch

        with torch.inference_mode():
            steps = microseconds(of_torch(folder / "run"), words.rounds)
        around = microseconds(of_pipes(folder), words.rounds)
    print("\n| part | µs | in all |\n|---|---|---|")
    before = total = 0.0
    for part, taken in steps.items():
        print(f"| {part} | {taken - before:.1f} | {taken:.1f} |")
        before = total = taken
    pipe = around.pop("a write and a read")
    for part, taken in around.items():
        taken -= pipe / 2 if "wait" in part else 0.0  # the other end's half
        total += taken
        print(f"| {part} | {taken:.1f} | {total:.1f} |")


if __name__ == "__main__":
    main()
