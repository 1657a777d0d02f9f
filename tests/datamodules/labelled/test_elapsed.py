"""gaps=dt: a core is told the time between the steps of labelled sequences."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from seqmodels.datamodules.labelled.datamodule import LabelledSeries
from seqmodels.exporting.run import about
from seqmodels.runs.load import load_run
from seqmodels.runs.run import compose, train
from tests.conftest import Command

COLUMNS = {"id": "id", "label": "kind", "inputs": ["x"], "time": "t", "gaps": "dt"}


def write(name: str, sequences: list[tuple[str, list[float]]], as_date: bool = False) -> str:
    """A long table in which rows of the sequences take turns."""
    rows = []
    for number, (kind, times) in enumerate(sequences):
        for step, time in enumerate(times):
            written = f"2026-01-01T00:00:{time:09.6f}" if as_date else f"{time}"
            rows.append((step, f"{number},{kind},{written},{number + step}"))
    Path(name).write_text("\n".join(["id,kind,t,x", *(row for _, row in sorted(rows, key=lambda row: row[0]))]) + "\n")
    return name


def data(files: str, **options: object) -> LabelledSeries:
    made = LabelledSeries(files=files, **COLUMNS, val_fraction=0.0, test_fraction=0.0, **options)  # type: ignore[arg-type]
    made.setup()
    return made


@pytest.mark.parametrize("as_date", [False, True])
def test_time_is_told_in_steps_of_the_training(as_date: bool) -> None:
    """The median of 2, 2, 6 and 2.5, 1.5 is 2; a first step has 1, and padding repeats the last."""
    made = data(write("a.csv", [("up", [10, 12, 14, 20]), ("down", [3, 5.5, 7])], as_date))
    assert made.statistics is not None
    assert made.statistics.time_step == 2
    _, labels, lengths, dt = made.splits["train"].__getitems__(torch.tensor([0, 1]))
    assert dt.dtype == torch.float32
    assert dt.tolist() == [[1, 1, 1, 3], [1, 1.25, 0.75, 0.75]]
    assert (labels.tolist(), lengths.tolist()) == ([1, 0], [4, 3])


def test_dates_and_numbers_are_not_one_time() -> None:
    write("a.csv", [("up", [1, 2]), ("down", [1, 2])])
    write("b.csv", [("up", [1, 2]), ("down", [1, 2])], as_date=True)
    with pytest.raises(ValueError, match=r"times of b\.csv are dates, those of a\.csv are numbers"):
        data("*.csv", ids_per_file=True)


def test_what_has_no_times_is_named() -> None:
    Path("a.ts").write_text("@classLabel true up down\n@data\n1,2:up\n2,1:down\n")
    with pytest.raises(ValueError, match=r"^a\.ts is read without times, and gaps=dt .*datamodule.time=COLUMN"):
        data("a.ts")
    with pytest.raises(ValueError, match=r"no two steps of a sequence are apart in time; give datamodule\.gaps=ignore"):
        data(write("b.csv", [("up", [1]), ("down", [2])]))
    with pytest.raises(ValueError, match=r"^gaps=dt .* give datamodule\.time=COLUMN"):
        LabelledSeries(files="a.csv", gaps="dt")


def test_a_run_learns_and_predicts_with_it(invoke: Command) -> None:
    """Rapid and slow sequences of the same values: nothing but the time tells them apart."""
    rng = np.random.default_rng(0)
    paces = [("fast", 1.0), ("slow", 4.0)] * 16
    write("a.csv", [(kind, np.cumsum(pace * rng.uniform(0.8, 1.2, 6)).tolist()) for kind, pace in paces])
    lines = Path("a.csv").read_text().splitlines()
    Path("a.csv").write_text("\n".join([lines[0], *(line.rpartition(",")[0] + ",1" for line in lines[1:])]) + "\n")
    words = ["datamodule=labelled_series", "datamodule.files=[a.csv]", "datamodule.id=id", "datamodule.label=kind"]
    words += ["datamodule.inputs=[x]", "datamodule.time=t", "core.hidden_size=8", "trainer=cpu", "threads=1"]
    words += ["datamodule.batch_size=8"]
    words += ["optimizer.lr=0.03", "trainer.max_epochs=12", "callbacks=checkpoints", "logger=csv", "core=lru"]
    result = train(compose([*words, "datamodule.gaps=dt"]))
    assert result.metrics["test/acc"] == 1
    run = load_run(result.folder)
    assert json.loads(about(run))["dt_step"] == run.datamodule.statistics.time_step
    assert invoke("predict", f"run={result.folder}", "input=a.csv", "output=out.csv", "quiet=true") == 0
    found = run.datamodule.rows(run.datamodule.read(["a.csv"]))
    x, _, lengths, dt = found.__getitems__(torch.arange(len(found)))
    with torch.inference_mode():
        expected = run.module(x, lengths=lengths, dt=dt)[0].softmax(-1)
    written = np.loadtxt("out.csv", delimiter=",", skiprows=1, usecols=(3, 4))
    np.testing.assert_allclose(written, expected.numpy(), atol=1e-5)


def test_a_core_that_cannot_read_it_is_refused(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    write("a.csv", [("up", [1, 2]), ("down", [1, 3])] * 8)
    words = ["datamodule=labelled_series", "datamodule.files=[a.csv]", "datamodule.id=id", "datamodule.label=kind"]
    words += ["datamodule.inputs=[x]", "datamodule.time=t", "datamodule.gaps=dt", "core=lstm", "trainer=cpu"]
    assert command(*words) == 1
    assert "this one does not read it; choose one that does (core=" in capsys.readouterr().err
