"""From a signal to a running model, by the commands that a user types: a CSV of a noisy signal is learned from, the
training is killed and goes on, the run is tested, predicts live in two halves, and leaves as ONNX."""

import csv
import json
import math
import random
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import Command
from tests.test_readme import README

TRAINING = [
    "+experiment=signal", "datamodule.files=[pump.csv]", "datamodule.inputs=[load,heat]", "datamodule.targets=[heat]",
    "datamodule.time=minute", "datamodule.horizon=5", "trainer=cpu", "threads=1", "trainer.max_epochs=6",
    "datamodule.num_streams=4", "core.hidden_size=32", "checkpoint.every_n_steps=7",
]  # fmt: skip


def write_signal(path: str, rows: int) -> list[list[str]]:
    """Heat follows load with a delay; both are measured with noise. Returns header and cells."""
    dice = random.Random(7)
    heat, lines = 20.0, [["minute", "load", "heat"]]
    for minute in range(rows):
        load = 50 + 20 * math.sin(minute / 23) + 10 * math.sin(minute / 7)
        heat += 0.1 * (load / 2 - heat)
        lines.append([str(minute), f"{load + dice.gauss(0, 0.5):.4f}", f"{heat + dice.gauss(0, 0.1):.4f}"])
    Path(path).write_text("\n".join(map(",".join, lines)) + "\n")
    return lines


def start(command: str, *words: str, **options: object) -> subprocess.Popen[str]:
    place = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.Popen([sys.executable, "-m", f"seqmodels.{command}", *words], text=True, **place)  # type: ignore[call-overload]


def do(command: str, *words: str, given: str | None = None) -> str:
    """What the command prints; it must succeed."""
    options = {} if given is None else {"stdin": subprocess.PIPE}
    process = start(command, *words, **options)
    out, errors = process.communicate(given)
    assert process.returncode == 0, errors
    return out


def text(lines: list[list[str]]) -> str:
    return "".join(",".join(line) + "\n" for line in lines)


def losses(run: str) -> list[str]:
    with Path(run, "metrics.csv").open() as file:
        return [row["train/loss"] for row in csv.DictReader(file)]


def kill_in_the_middle(run: str) -> None:
    process = start("train", *TRAINING, f"hydra.run.dir={run}", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not Path(run, "checkpoints", "last.ckpt").exists():
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not Path(run, "results.json").exists()


@pytest.mark.slow
def test_from_a_signal_to_a_running_model() -> None:
    lines = write_signal("pump.csv", rows=3000)

    do("train", *TRAINING, "hydra.run.dir=undisturbed")
    kill_in_the_middle("run")
    do("train", "resume=run")
    results, undisturbed = (json.loads(Path(run, "results.json").read_text()) for run in ("run", "undisturbed"))
    assert results["metrics"] == undisturbed["metrics"]
    assert losses("run") == losses("undisturbed")
    assert results["metrics"]["test/mase"] < results["baselines"]["naive"]["mase"]

    do("evaluate", "run=run")
    (found,) = Path("run", "evaluations").glob("*/results.json")
    assert {name: results["metrics"][name] for name in ("test/loss", "test/mae", "test/mase", "test/r2")} == json.loads(
        found.read_text()
    )["metrics"]

    do("predict", "run=run", "input=pump.csv", "output=whole.csv")
    live = ["run=run", "input=-", "output=-", "state=pump.state", "quiet=true"]
    first = do("predict", *live, given=text(lines[:1201]))
    second = do("predict", *live, given=text([lines[0], *lines[1201:]]))
    whole = Path("whole.csv").read_text()
    assert first + second.partition("\n")[2] == whole

    do("export", "run=run", "format=onnx", "output=plant")
    predicted = list(csv.DictReader(whole.splitlines()))
    assert [row["minute"] for row in predicted] == [line[0] for line in lines[1:]]
    theirs = np.array([float(row["heat_pred"]) for row in predicted])
    np.testing.assert_allclose(stepped("plant", lines), theirs, rtol=1e-6, atol=1e-5 * np.std(theirs))
    heat = np.array([float(line[2]) for line in lines[1:]])
    mae = np.abs(theirs[2700 - 5 : 3000 - 5] - heat[2700:]).mean()  # the last tenth, 5 minutes ahead
    assert mae == pytest.approx(results["metrics"]["test/mae"], rel=1e-3)


def stepped(folder: str, lines: list[list[str]]) -> np.ndarray:
    """The exported step through all rows, in a process that never loads torch."""
    Path("rows.json").write_text(json.dumps([[float(cell) for cell in line[1:]] for line in lines[1:]]))
    code = f"""
import json, sys, numpy, onnxruntime
session = onnxruntime.InferenceSession("{folder}/step.onnx")
state = dict(numpy.load("{folder}/initial_state.npz"))
outputs = []
for row in json.load(open("rows.json")):
    y, *ends = session.run(None, {{"x": numpy.array([row], dtype=numpy.float32), **state}})
    state = dict(zip(state, ends))
    outputs.append(float(y[0, 0]))
assert "torch" not in sys.modules
print(json.dumps(outputs))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return np.array(json.loads(done.stdout))


@pytest.mark.slow
def test_the_readmes_section_on_ones_own_signal(invoke: Command, capfd: pytest.CaptureFixture[str]) -> None:
    """Its commands, word by word, in one process but for the sensor's."""
    section = README.partition("## Your own signal")[2].partition("\n## ")[0]
    commands, python = re.findall(r"```(?:python)?\n(.*?)```", section, re.DOTALL)
    write_signal("pump.csv", rows=1500)
    lines = write_signal("tuesday.csv", rows=400)
    for command in commands.splitlines():
        command = re.sub(r"outputs/signal/DATE_TIME", lambda _: newest(), command)
        before, _, words = command.partition("python -m seqmodels.")
        name, *given = shlex.split(words)
        if before:
            assert before == "sensor | "
            live = do(name, *given, given=text(lines))
        else:
            assert invoke(name, *given) == 0, capfd.readouterr().err
    assert live == Path("predictions.csv").read_text()
    assert Path("pump.state").exists()
    assert {path.name for path in Path(newest(), "export").iterdir()} >= {"step.onnx", "window.onnx"}
    assert list(Path(newest(), "evaluations").glob("*/results.json"))

    cells = torch.tensor([[float(cell) for cell in line[1:]] for line in lines[1:]])[None]
    known = {"x": cells}
    exec(python.replace("outputs/signal/DATE_TIME", newest()), known)
    theirs = [float(line.split(",")[-1]) for line in live.splitlines()[1:]]
    torch.testing.assert_close(known["y"][0, :, 0], torch.tensor(theirs), rtol=1e-4, atol=1e-4)


def newest() -> str:
    return str(max(Path("outputs", "signal").iterdir()))
