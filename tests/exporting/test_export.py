"""A run as files: they compute what the run computes, they say what they are, and nothing else happens."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from seqmodels import load_run
from seqmodels.exporting.run import export
from seqmodels.runs.run import compose, train
from tests.conftest import ROOT, Command
from tests.support.attempts import DIGITS, SINE

GUIDE = (ROOT / "docs" / "export.md").read_text()
FEW = ["trainer=cpu", "threads=1", "datamodule.val_size=64", "datamodule.test_size=60", "trainer.val_check_interval=30"]
LEARNED = ["trainer.max_steps=300", "trainer.val_check_interval=300", "optimizer.lr=0.005"]
"""By which an LSTM knows parity, and noise takes it to where a decision hangs on roundings."""
KINDS = {
    "sine": [*SINE, "module.initial_state=learned", "core.num_layers=2", "trainer.max_steps=6"],
    "digits": [*DIGITS, "core=lstm", "trainer.max_epochs=1", "datamodule.normalize=true"],
    "language": ["+experiment=state_tracking", *FEW, *LEARNED],
    "recall": [
        "+experiment=recall",
        *FEW,
        "trainer.max_steps=30",
        "datamodule.embedding=learned",
        "module.embedding=8",
    ],
    "mean": [*DIGITS, "core=gru", "trainer.max_epochs=1", "module.readout=mean"],
}


Trained = Callable[[str], Path]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """`trained("sine")`: the folder of a finished run, which no test changes."""

    @cache
    def folder(kind: str) -> Path:
        torch.set_num_threads(1)
        return train(compose(KINDS[kind]), tmp_path_factory.mktemp("runs") / kind, KINDS[kind]).folder

    return folder


@pytest.fixture(scope="module")
def exported(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """`exported("onnx")`: a run on the sine stream, with its `export/` in this format."""

    @cache
    def folder(format: str) -> Path:
        run = Path(shutil.copytree(trained("sine"), tmp_path_factory.mktemp("exported") / "run"))
        export(run, format)
        return run

    return folder


def read_with_onnx(path: Path, chunks: list[Tensor], batch: int) -> tuple[list[Tensor], list[Tensor]]:
    """Outputs of each call and the state at the end, begun as a user would."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    with np.load(path.with_name("initial_state.npz")) as begin:
        state = {name: np.repeat(begin[name], batch, axis=0) for name in begin}
    outputs = []
    for chunk in chunks:
        y, *ends = session.run(None, {"x": chunk.numpy()} | state)
        state = dict(zip(state, ends, strict=True))
        outputs.append(torch.from_numpy(y))
    return outputs, [torch.from_numpy(value) for value in state.values()]


def read_with_torch(path: Path, chunks: list[Tensor], batch: int) -> tuple[list[Tensor], list[Tensor]]:
    graph = torch.export.load(path).module()
    with np.load(path.with_name("initial_state.npz")) as begin:
        state = [torch.from_numpy(begin[name]).repeat_interleave(batch, 0) for name in begin]
    outputs = []
    with torch.no_grad():
        for chunk in chunks:
            y, *state = graph(chunk, *state)
            outputs.append(y)
    return outputs, state


FORMATS: list[Any] = [
    ("onnx", "onnx", read_with_onnx),
    pytest.param("torch", "pt2", read_with_torch, marks=pytest.mark.slow),
]


@pytest.mark.parametrize("batch", [1, 2, 5])
@pytest.mark.parametrize(("format", "suffix", "read"), FORMATS)
def test_step_and_window_follow_the_run(exported: Trained, format: str, suffix: str, read: Any, batch: int) -> None:
    run = exported(format)
    x = torch.randn(batch, 83, 1)
    with torch.no_grad():
        y, state = load_run(run).module(x)
    steps, ends = read(run / "export" / f"step.{suffix}", list(x.unbind(1)), batch)
    torch.testing.assert_close(torch.stack(steps, 1), y)
    torch.testing.assert_close(tuple(ends), state)
    windows, ends = read(run / "export" / f"window.{suffix}", list(x.split([1, 80, 2], 1)), batch)
    torch.testing.assert_close(torch.cat(windows, 1), y)
    torch.testing.assert_close(tuple(ends), state)


def test_streams_begin_in_the_learned_state(exported: Trained) -> None:
    with np.load(exported("onnx") / "export" / "initial_state.npz") as begin:
        state = [begin[name] for name in begin]
    learned = load_run(exported("onnx")).module.core.initial_state(1)
    assert all(np.array_equal(mine, own.detach()) for mine, own in zip(state, learned, strict=True))
    assert any(value.any() for value in state)


@pytest.mark.slow
def test_a_classifier_says_its_logits(invoke: Command, trained: Trained) -> None:
    assert invoke("export", f"run={trained('digits')}", "output=here") == 0
    x = torch.rand(4, 8, 8)
    with torch.no_grad():
        logits = load_run(trained("digits")).module(x)[0]
    for name, chunks in (("step", list(x.unbind(1))), ("window", list(x.split([5, 3], 1)))):
        torch.testing.assert_close(read_with_onnx(Path("here", f"{name}.onnx"), chunks, 4)[0][-1], logits)
        assert onnxruntime.InferenceSession(Path("here", f"{name}.onnx")).get_outputs()[0].name == "logits"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("format", "suffix", "read"), [("onnx", "onnx", read_with_onnx), ("torch", "pt2", read_with_torch)]
)
@pytest.mark.parametrize("kind", ["language", "recall"])
def test_a_task_that_is_made_on_the_fly(kind: str, format: str, suffix: str, read: Any, trained: Trained) -> None:
    """A formal language, and recall, which reads numbers of tokens."""
    export(trained(kind), format, output="here")
    run = load_run(trained(kind))
    x = run.datamodule.splits["test"].__getitems__(torch.arange(5))[0]
    with torch.no_grad():
        logits = run.module(x)[0]
    chunks = {"step": list(x.float().unbind(1)), "window": list(x.float().split([1, 7, x.shape[1] - 8], 1))}
    steps, windows = (read(Path("here", f"{form}.{suffix}"), parts, 5)[0] for form, parts in chunks.items())
    torch.testing.assert_close(torch.stack(steps, 1), logits, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(torch.cat(windows, 1), logits, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_a_mean_over_steps_has_no_step(invoke: Command, trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke("export", f"run={trained('mean')}", "output=here", "format=torch") == 0
    assert sorted(path.name for path in Path("here").iterdir()) == ["initial_state.npz", "window.pt2"]
    said = "".join(capsys.readouterr())
    assert "no step.pt2" in said
    assert "readout=mean" in said
    x = torch.rand(2, 8, 8)
    with torch.no_grad():
        logits = load_run(trained("mean")).module(x)[0]
    torch.testing.assert_close(read_with_torch(Path("here/window.pt2"), [x], 2)[0][0], logits)


def test_an_onnx_file_says_what_it_is_and_nothing_of_this_machine(exported: Trained) -> None:
    folder = exported("onnx") / "export"
    session = onnxruntime.InferenceSession(folder / "step.onnx")
    assert {"state_0", "state_1"} < {value.name for value in session.get_inputs()}
    assert [value.name for value in session.get_outputs()] == ["y", "next_state_0", "next_state_1"]
    check_told(session.get_modelmeta().custom_metadata_map["seqmodels"], folder)


@pytest.mark.slow
def test_a_pt2_says_what_it_is_and_nothing_of_this_machine(exported: Trained) -> None:
    folder = exported("torch") / "export"
    extra: dict[str, Any] = {"seqmodels.json": ""}
    torch.export.load(folder / "window.pt2", extra_files=extra)
    check_told(extra["seqmodels.json"], folder)


def check_told(about: str, folder: Path) -> None:
    told = json.loads(about)
    assert (told["run"], told["checkpoint"], told["task"]) == ("sine_stream/run", "best.ckpt", "regression")
    for path in folder.iterdir():
        assert str(ROOT).encode() not in path.read_bytes()


@pytest.mark.slow
def test_a_signal_keeps_its_names_and_what_a_missing_reading_means(invoke: Command) -> None:
    rng = np.random.default_rng(1)
    table = np.column_stack([rng.normal(5, 2, 400), rng.normal(-3, 1, 400), rng.normal(0, 1, 400)]).round(3)
    rows = [",".join(map(str, row)) for row in table]
    rows[7] = rows[7].replace(str(table[7, 0]), "", 1)
    Path("plant.csv").write_text("\n".join(["load,wind,heat", *rows]) + "\n")
    words = [
        *("name=plant", "datamodule=series", "module=regressor", "core=gru", "core.hidden_size=8"),
        *("datamodule.files=[plant.csv]", "datamodule.inputs=[load,wind]", "datamodule.targets=[heat]"),
        *("datamodule.horizon=2", "datamodule.missing=mask", "datamodule.cache=cache", "datamodule.warmup=5"),
        *("monitor=val/loss", "mode=min", "trainer=cpu", "trainer.max_steps=2"),
        *("threads=1", "logger=none", "test=false"),
    ]
    run = train(compose(words), "run", words).folder
    assert invoke("export", f"run={run}", "format=torch") == 0
    extra: dict[str, Any] = {"seqmodels.json": ""}
    step = torch.export.load(run / "export" / "step.pt2", extra_files=extra).module()
    about = json.loads(extra["seqmodels.json"])
    assert (about["input_names"], about["target_names"], about["horizon"]) == (["load", "wind"], ["heat"], 2)
    loaded = load_run(run)
    with torch.no_grad():
        y, *_ = step(torch.tensor([[torch.nan, 1.0]]), *loaded.module.core.initial_state(1))
        expected, _ = loaded.module(torch.tensor([[[loaded.datamodule.input_mean[0], 1.0]]]))
    torch.testing.assert_close(y, expected[:, 0])


@pytest.mark.parametrize(("number", "format"), [(0, "onnx"), pytest.param(2, "torch", marks=pytest.mark.slow)])
def test_the_guides_examples_print_the_runs_own_numbers(exported: Trained, number: int, format: str) -> None:
    run = exported(format)
    code = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)[number]
    assert "seqmodels." not in code.replace("seqmodels.json", "")
    readings = np.random.default_rng(1).normal(size=(20, 1)).astype(np.float32)
    np.savetxt(run / "export" / "readings.csv", readings, delimiter=",")
    alone = "import sys; sys.modules['seqmodels'] = sys.modules['lightning'] = None\n"
    if number == 0:
        alone += "sys.modules['torch'] = None\n"
    done = subprocess.run(
        [sys.executable, "-c", alone + code],
        cwd=run / "export",
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with torch.no_grad():
        y = load_run(run).module(torch.from_numpy(readings)[None])[0][0, :, 0]
    np.testing.assert_allclose(np.array(done.stdout.split(), dtype=float), y, atol=1e-5)


def test_predict_needs_no_torch_to_run_it(exported: Trained, invoke: Command) -> None:
    run = exported("onnx")
    Path("x.csv").write_text("x\n" + "".join(f"{number % 7 / 3}\n" for number in range(40)))
    alone = "import sys; sys.modules.update(dict.fromkeys(('torch', 'lightning', 'pyarrow', 'matplotlib')))\n"
    alone += "from seqmodels.predict import main; main()"
    words = [f"run={run}", "input=x.csv", "runtime=onnx", "output=onnx.csv", "warmup=0"]
    subprocess.run([sys.executable, "-c", alone, *words], check=True)
    assert invoke("predict", f"run={run}", "input=x.csv", "output=torch.csv", "warmup=0") == 0
    found, own = (np.loadtxt(f"{name}.csv", skiprows=1) for name in ("onnx", "torch"))
    np.testing.assert_allclose(found, own, atol=1e-5 * own.std())
