"""What export refuses, and that nothing is left or lost when it does."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from seqmodels.runs.run import compose, train
from tests.conftest import Command
from tests.support.attempts import SINE

NO_TORCH = (
    "import sys; sys.modules['torch'] = sys.modules['numpy'] = None; sys.argv[0] = 'export'; "
    "from seqmodels.export import main; main()"
)
WORDS = [*SINE, "core=rnn", "core.hidden_size=64", "trainer.max_steps=6"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return train(compose(WORDS), tmp_path_factory.mktemp("runs") / "sine", WORDS).folder


@pytest.fixture
def run(tmp_path: Path, finished: Path) -> Path:
    """The folder of a run of its own for each test."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["--help"], 0, "python -m seqmodels.export run=outputs/sine_stream/DATE_TIME"),
        ([], 1, "run= is missing; give run=outputs/NAME/DATE_TIME"),
        (["--help"], 0, "tolerance=NUMBER"),
        (["format=torch"], 1, "run= is missing"),
        (["run=x", "format=tflite"], 1, "format=tflite is not known; choose onnx or torch"),
        (["run=x", "overwrite=yes"], 1, "overwrite=yes is not known; choose true or false"),
        (["run=x", "tolerance=small"], 1, "tolerance=small is not a number; give one above 0"),
        (["run=x", "ouput=y"], 1, "did you mean output?"),
    ],
)
def test_help_and_typos_do_not_wait_for_torch(words: list[str], code: int, expected: str) -> None:
    env = {name: value for name, value in os.environ.items() if name != "HYDRA_FULL_ERROR"}
    command = [sys.executable, "-c", NO_TORCH, *words]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == code, done.stderr
    assert expected in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


def test_no_run_there(invoke: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke("export", "run=nowhere") == 1
    assert "nowhere" in complaint(capsys)


def test_another_model_than_the_weights_are_of(invoke: Command, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke("export", f"run={run}", "core.hidden_size=9") == 1
    assert "core.rnn.bias_hh_l0 is 64 there and 9 here" in complaint(capsys)


def test_files_there_are_kept(invoke: Command, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("here").mkdir()
    mine = Path("here", "step.pt2")
    mine.write_text("mine")
    assert invoke("export", f"run={run}", "format=torch", "output=here") == 1
    assert "overwrite=true" in complaint(capsys)
    assert mine.read_text() == "mine"
    assert [path.name for path in Path("here").iterdir()] == ["step.pt2"]


@pytest.mark.slow
def test_files_there_are_replaced_on_request(invoke: Command, run: Path) -> None:
    Path("here").mkdir()
    Path("here", "step.pt2").write_text("mine")
    assert invoke("export", f"run={run}", "format=torch", "output=here", "overwrite=true") == 0
    torch.export.load("here/step.pt2")
    assert sorted(path.name for path in Path("here").iterdir()) == ["initial_state.npz", "step.pt2", "window.pt2"]


def test_another_initial_state_there_is_kept(invoke: Command, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("here").mkdir()
    Path("here", "initial_state.npz").write_text("mine")
    assert invoke("export", f"run={run}", "format=torch", "output=here") == 1
    assert "initial_state.npz" in complaint(capsys)
    assert [path.name for path in Path("here").iterdir()] == ["initial_state.npz"]


def test_no_link_in_the_run_is_followed(invoke: Command, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("theirs").mkdir()
    (run / "export").symlink_to(Path("theirs").absolute())
    assert invoke("export", f"run={run}", "format=torch") == 1
    assert "export is a link to" in complaint(capsys)
    assert list(Path("theirs").iterdir()) == []


def test_a_file_is_no_folder(invoke: Command, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("here").write_text("mine")
    assert invoke("export", f"run={run}", "format=torch", "output=here") == 1
    assert "here is a file; give a folder" in complaint(capsys)
    assert invoke("export", f"run={run}", "format=torch", "output=here/inside") == 1
    assert "here/inside cannot be made: Not a directory; choose another" in complaint(capsys)


def test_onnx_missing(
    invoke: Command, run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("onnx", "onnxruntime"):
        monkeypatch.setitem(sys.modules, name, None)
    assert invoke("export", f"run={run}") == 1
    said = complaint(capsys)
    assert "format=onnx needs onnx, onnxruntime, not installed here" in said
    assert "format=torch" in said
    assert not (run / "export").exists()


def changed(run: Path, weights: str, factor: float) -> Path:
    """A checkpoint with other recurrent weights."""
    contents = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    values = contents["state_dict"][weights]
    values.copy_(torch.randn(values.shape, generator=torch.Generator().manual_seed(1)) * factor)
    torch.save(contents, run / "changed.ckpt")
    return run / "changed.ckpt"


def test_a_difference_leaves_nothing_behind(invoke: Command, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Recurrent weights four times too large make the state chaotic: torch and onnxruntime part by rounding alone."""
    words = (f"run={run}", f"checkpoint={changed(run, 'core.rnn.weight_hh_l0', 0.5)}")
    assert invoke("export", *words, "output=some/where") == 1
    said = complaint(capsys)
    assert "differs from the run itself by" in said
    assert "tolerance=" in said
    assert not Path("some").exists()


def test_a_run_that_says_nan(invoke: Command, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (f"run={run}", f"checkpoint={changed(run, 'head.weight', float('nan'))}", "format=torch")
    assert invoke("export", *words) == 1
    assert "NaN or infinite" in complaint(capsys)
    assert not (run / "export").exists()
