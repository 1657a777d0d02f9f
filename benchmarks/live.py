"""What a row costs live: a bare torch loop over rows in memory, and seqmodels over pipes and files.

python benchmarks/live.py --rounds 5
python benchmarks/live.py --rounds 3 --hidden 256 --layers 2

bare    nn.LSTM and a head written by hand, one row at a time, from a list of numbers to a number
step    `Predictor.step` on the same list
file    the command on a CSV file, exact
pipe    the command between two pipes that are never empty
live    the same, but each row is written when the answer to the one before has come; timed by who waits for it
echo    the bare step in a program between two such pipes that does nothing else: the floor of live
onnx    live with runtime=onnx, the run's export in onnxruntime
chunk   the command on the file with chunk=1000
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from alternate import MARK

WARMUP = 200


def train_run(folder: Path, hidden: int, layers: int) -> None:
    """A run of one update; the weights do not matter here."""
    from seqmodels.runs.run import compose, train

    words = [
        *(
            "+experiment=sine_stream",
            "trainer=cpu",
            "trainer.max_steps=1",
            "test=false",
            "callbacks.animation.windows=0",
        ),
        *("datamodule.val_windows=0", f"core.hidden_size={hidden}", f"core.num_layers={layers}"),
    ]
    train(compose(words), folder, words)
    from seqmodels.exporting.run import export

    export(folder)


def summary(times: list[float]) -> dict[str, float]:
    """Of the seconds of each row."""
    times = times[WARMUP:]
    cuts = statistics.quantiles(times, n=100)
    return {"row": sum(times) / len(times), "median": cuts[49], "p99": cuts[98]}


def timed(values: list[float], step: Callable[[float], Any]) -> dict[str, float]:
    """Seconds of each call."""
    times, before = [], time.perf_counter()
    for value in values:
        step(value)
        now = time.perf_counter()
        times.append(now - before)
        before = now
    return summary(times)


def bare_step(folder: Path) -> Callable[[float], float]:
    """nn.LSTM and a head by hand; call it within torch.inference_mode."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    state: Any = None
    weights = torch.load(folder / "run" / "checkpoints" / "last.ckpt")["state_dict"]
    layers = sum(name.startswith("core.rnn.weight_hh") for name in weights)
    hidden = weights["head.weight"].shape[1]
    rnn, head = nn.LSTM(1, hidden, layers, batch_first=True), nn.Linear(hidden, 1)
    for module, prefix in ((rnn, "core.rnn."), (head, "head.")):
        module.load_state_dict({name: weights[prefix + name] for name in module.state_dict()})

    def step(value: float) -> float:
        nonlocal state
        y, state = rnn(torch.tensor([[[value]]]), state)
        return head(y).item()

    return step


def bare(folder: Path, values: list[float]) -> dict[str, float]:
    import torch

    with torch.inference_mode():
        return timed(values, bare_step(folder))


def between_pipes(folder: Path, values: list[float]) -> dict[str, float]:
    """What `echo` starts, not a variant of its own: a header and lines come, a header and lines go."""
    import torch

    step = bare_step(folder)
    with torch.inference_mode():
        os.read(0, 65536)
        os.write(1, b"y\n")
        while line := os.read(0, 65536):
            os.write(1, b"%r\n" % step(float(line)))
    sys.exit()


def step(folder: Path, values: list[float]) -> dict[str, float]:
    import torch

    from seqmodels import load_run
    from seqmodels.predicting.predictor import Predictor

    torch.set_num_threads(1)
    predictor = Predictor(load_run(folder / "run"))
    return timed(values, lambda value: predictor.step([value]))


def command(folder: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "seqmodels.predict", f"run={folder}/run", *words]


def said(errors: str) -> dict[str, float]:
    """What the command itself says at its end."""
    rate = re.search(r"([\d,]+) rows a second", errors)
    times = re.search(r"takes ([\d.e-]+) ms \(median\), ([\d.e-]+) ms", errors)
    assert rate, errors
    found = {"row": 1 / float(rate[1].replace(",", ""))}
    return found | ({"median": float(times[1]) / 1e3, "p99": float(times[2]) / 1e3} if times else {})


def file(folder: Path, values: list[float], *words: str) -> dict[str, float]:
    words = ("input=" + str(folder / "x.csv"), "output=/dev/null", "format=csv", *words)
    return said(subprocess.run(command(folder, *words), capture_output=True, text=True, check=True).stderr)


def chunk(folder: Path, values: list[float]) -> dict[str, float]:
    return file(folder, values, "chunk=1000")


def pipe(folder: Path, values: list[float]) -> dict[str, float]:
    with (folder / "x.csv").open() as rows:
        cat = subprocess.Popen(["cat"], stdin=rows, stdout=subprocess.PIPE)
        predict = subprocess.Popen(
            command(folder, "input=-", "output=-"), stdin=cat.stdout, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        taker = threading.Thread(target=_take, args=(predict.stdout,))
        taker.start()
        errors = predict.stderr.read().decode()  # type: ignore[union-attr]
        taker.join()
        cat.wait()
    return {"row": said(errors)["row"]}  # a row that waits behind others in the pipe takes as long as they do


def _take(stream: IO[bytes]) -> None:
    for _ in stream:
        pass


def live(folder: Path, values: list[float], *words: str) -> dict[str, float]:
    return asked(command(folder, "input=-", "output=-", "quiet=true", *words), values)


def onnx(folder: Path, values: list[float]) -> dict[str, float]:
    return live(folder, values, "runtime=onnx")


def echo(folder: Path, values: list[float]) -> dict[str, float]:
    return asked([sys.executable, __file__, "--variant", "between_pipes", "--folder", str(folder)], values)


def asked(program: list[str], values: list[float]) -> dict[str, float]:
    """Each row is written when the answer to the one before has come; `cpu` is what the program took of a core."""
    answers = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    source, target = answers.stdin, answers.stdout
    assert source
    assert target
    began = time.perf_counter()
    source.write(b"x\n")
    target.readline()
    source.write(b"%.6f\n" % values[0])
    target.readline()
    start = time.perf_counter() - began
    before = _cpu(answers.pid)

    def ask(value: float) -> None:
        source.write(b"%.6f\n" % value)
        target.readline()

    found = timed(values, ask) | {"start": start, "cpu": (_cpu(answers.pid) - before) / len(values)}
    source.close()
    answers.wait()
    return found


def _cpu(pid: int) -> float:
    """Seconds of user and system time of a process (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


VARIANTS = {one.__name__: one for one in (bare, step, file, pipe, echo, live, onnx, chunk)}


def table(found: dict[str, list[dict[str, float]]]) -> None:
    """Medians over the rounds."""

    def median(variant: str, key: str) -> float | None:
        values = [one[key] for one in found[variant] if key in one]
        return statistics.median(values) if values else None

    base, base_row = median("bare", "median") or 1.0, median("bare", "row") or 1.0
    names = ["variant", "rows a second", "to bare", "median (µs a row)", "to bare", "99 % (µs)"]
    names += ["of a core (µs)", "first row (s)"]
    print(f"\n| {' | '.join(names)} |\n{'|---' * len(names)}|")
    for variant in found:
        row, middle, slow, cpu, start = (median(variant, key) for key in ("row", "median", "p99", "cpu", "start"))
        assert row
        cells = [f"{1 / row:,.0f}", f"{base_row / row:.2f}"]
        cells += [f"{middle * 1e6:.4g}", f"{middle / base:.2f}"] if middle else ["", ""]
        print(
            f"| {variant} | {' | '.join(cells)} | {f'{slow * 1e6:.4g}' if slow else ''} "
            f"| {f'{cpu * 1e6:.4g}' if cpu else ''} | {f'{start:.2f}' if start else ''} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("rounds", 5), ("rows", 20000), ("hidden", 64), ("layers", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--variant", default="")
    parser.add_argument("--folder", default="")
    words = parser.parse_args()
    values = [(number * 37 % 1000) / 500 - 1 for number in range(words.rows)]
    if words.variant:
        if words.variant == "between_pipes":
            between_pipes(Path(words.folder), values)
        print(MARK + json.dumps(VARIANTS[words.variant](Path(words.folder), values)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train_run(folder / "run", words.hidden, words.layers)
        (folder / "x.csv").write_text("x\n" + "".join(f"{value:.6f}\n" for value in values))
        found: dict[str, list[dict[str, float]]] = {variant: [] for variant in VARIANTS}
        for round_ in range(words.rounds):
            for variant, so_far in found.items():
                again = [sys.executable, __file__, "--variant", variant, "--folder", name, "--rows", str(words.rows)]
                done = subprocess.run(again, capture_output=True, text=True, check=True)
                so_far.append(json.loads(done.stdout.rsplit(MARK, 1)[1]))
                print(f"round {round_ + 1}: {variant} {so_far[-1]['row'] * 1e6:.4g} µs a row", flush=True)
        table(found)


if __name__ == "__main__":
    main()
