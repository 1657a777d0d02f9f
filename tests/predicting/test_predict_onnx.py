"""runtime=onnx: the same promises as the run itself, and the same numbers but for rounding; torch is not there."""

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from seqmodels.exporting.run import export
from tests.conftest import Command
from tests.support.predicting import HEADER, pumps, table

__all__ = ["pumps"]

pytestmark = pytest.mark.slow

ALONE = """
import sys
for name in ("torch", "lightning", "pytorch_lightning", "torchmetrics", "matplotlib", "pyarrow"):
    sys.modules[name] = None  # an import of it fails
from seqmodels.predict import main
main()
"""


@pytest.fixture(scope="module")
def exported(pumps: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run on pumps with its export; no test changes it."""
    run = Path(shutil.copytree(pumps, tmp_path_factory.mktemp("exported") / "run"))
    export(run)
    return run


def predictions(path: str) -> np.ndarray:
    with Path(path).open() as file:
        return np.array([[float(row["heat_pred"]), float(row["wear_pred"])] for row in csv.DictReader(file)])


def test_halves_are_the_whole_without_torch(exported: Path, invoke: Command) -> None:
    rows = table(10_000)
    Path("whole.csv").write_text(HEADER + "".join(rows))
    for number, part in enumerate((rows[:1290], rows[1290:])):
        Path(f"{number}.csv").write_text(HEADER + "".join(part))
    words = [f"run={exported}", "runtime=onnx"]
    assert invoke("predict", *words, "input=whole.csv", "output=whole_out.csv") == 0
    for number in (0, 1):
        given = [*words, f"input={number}.csv", f"output={number}_out.csv", "state=pumps.state"]
        subprocess.run([sys.executable, "-c", ALONE, *given], check=True)
    first, second = (Path(f"{number}_out.csv").read_text().splitlines(keepends=True) for number in (0, 1))
    assert "".join([*first, *second[1:]]) == Path("whole_out.csv").read_text()
    assert invoke("predict", *words, "input=whole.csv", "output=chunk.csv", "chunk=100") == 0
    assert invoke("predict", f"run={exported}", "input=whole.csv", "output=torch.csv") == 0
    own = predictions("torch.csv")
    for name in ("whole_out.csv", "chunk.csv"):
        assert (np.abs(predictions(name) - own) / own.std(0)).max() < 1e-5
    with Path("whole_out.csv").open() as found, Path("torch.csv").open() as expected:
        beside = [
            [{key: row[key] for key in row if key not in ("heat_pred", "wear_pred")} for row in csv.DictReader(file)]
            for file in (found, expected)
        ]
    assert beside[0] == beside[1]


def test_states_are_told_apart(exported: Path, invoke: Command, capsys: pytest.CaptureFixture[str]) -> None:
    Path("in.csv").write_text(HEADER + "a,1,0.1,20,-\n")
    Path("more.csv").write_text(HEADER + "a,2,0.1,20,-\n")
    for one, other in (("torch", "onnx"), ("onnx", "torch")):
        words = [f"run={exported}", f"state={one}.state"]
        assert invoke("predict", *words, "input=in.csv", f"output={one}.csv", f"runtime={one}") == 0
        before = Path(f"{one}.state").read_bytes()
        assert invoke("predict", *words, "input=more.csv", f"output={one}2.csv", f"runtime={other}") == 1
        assert f"runtime={one} left it" in capsys.readouterr().err
        assert Path(f"{one}.state").read_bytes() == before
    Path("onnx.state").write_bytes(before[:200] + bytes([before[200] ^ 1]) + before[201:])
    assert invoke("predict", *words, "input=more.csv", "output=3.csv", "runtime=onnx") == 1
    assert "cannot be read" in capsys.readouterr().err


def test_what_cannot_be_is_said(exported: Path, invoke: Command, capsys: pytest.CaptureFixture[str]) -> None:
    Path("in.csv").write_text(HEADER + "a,1,,20,-\n")
    words = ["runtime=onnx", "input=in.csv", "output=-"]

    def message(run: Path, *more: str) -> str:
        assert invoke("predict", f"run={run}", *words, *more) == 1
        return capsys.readouterr().err

    assert "export anew" in message(exported, "datamodule.missing=mask")
    copy = Path(shutil.copytree(exported, "copy"))
    shutil.copy(copy / "checkpoints" / "last.ckpt", copy / "checkpoints" / "best.ckpt")
    assert f"python -m seqmodels.export run={copy} overwrite=true" in message(copy)
    shutil.rmtree(copy / "checkpoints")
    assert invoke("predict", f"run={copy}", *words) == 0  # the export alone says all
    assert invoke("predict", f"run={copy}/export", *words) == 0
    shutil.rmtree(copy / "export")
    assert f"make it with python -m seqmodels.export run={copy}" in message(copy)
