"""Whole runs on a person's own series: trained, cut off, resumed, tested, shared by processes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from seqmodels import load_run
from seqmodels.runs.evaluate import evaluate
from seqmodels.runs.run import compose, resume, train
from tests.conftest import Command
from tests.distributed.test_ddp_resume import killed
from tests.support.attempts import OWN, assert_same_run, cut_and_resumed, cut_off, random_steps, whole

SERIES = [
    "datamodule=series", "module=regressor", "trainer=cpu", "threads=1", "trainer.max_epochs=3", "monitor=val/loss",
    "mode=min", "trainer.log_every_n_steps=1", "trainer.val_check_interval=7", "core.hidden_size=8",
    "checkpoint.every_n_steps=4", "datamodule.files=[pump.csv]", "datamodule.inputs=[flow,heat]", "datamodule.time=t",
    "datamodule.targets=[heat]", "datamodule.group=pump", "datamodule.horizon=2", "datamodule.window=6",
    "datamodule.num_streams=4", "datamodule.missing=mask", "datamodule.gaps=reset", "datamodule.cache=cache",
    "callbacks=[guards,checkpoints]",
]  # fmt: skip
EPOCH = 17
"""Its steps."""


def signals(name: str, rows: int = 160, seed: int = 0) -> None:
    """Three pumps, their rows mixed, with a gap and some holes."""
    generator = np.random.default_rng(seed)
    lines = []
    for t in range(rows):
        for pump in "abc":
            time = t + 10 * (t > 70)
            flow, heat = np.sin(t / 5 + ord(pump)) + generator.normal(0, 0.1), 20 + 3 * np.sin(t / 5 - 1 + ord(pump))
            lines.append(f"{pump},{time},{flow if t % 31 else ''},{heat}")
    Path(name).write_text("pump,t,flow,heat\n" + "\n".join(lines) + "\n")


@pytest.fixture(autouse=True)
def _signals() -> None:
    signals("pump.csv")


def test_a_run_from_the_command_line(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(*SERIES, "callbacks=default", "trainer.max_epochs=1", "hydra.run.dir=run") == 0
    results = json.loads(Path("run/results.json").read_text())
    assert results["datamodule"] == "series:pump"
    assert results["parts"] == {"train": 3 * 128 - 2 * 3 - 2 * 3, "val": 48, "test": 48}
    assert results["files"]["files"]["files"] == [{"name": "pump.csv", "bytes": Path("pump.csv").stat().st_size}]
    assert results["steps"] == EPOCH
    assert results["baselines"]["naive"]["mase"] > 0
    assert results["metrics"]["test/mase"] > 0


def test_the_test_measures_what_reading_the_whole_series_would() -> None:
    """With lanes that begin in the middle and warm up over all there is, against one pass over each series."""
    words = [*SERIES, "datamodule.gaps=ignore", "datamodule.warmup=1000", "trainer.max_epochs=1"]
    result = train(compose(words), "run", words)
    module = load_run("run").module
    errors = []
    table = np.genfromtxt("pump.csv", delimiter=",", skip_header=1, dtype=str)
    for pump in "abc":
        rows = table[table[:, 0] == pump]
        x = np.array([[float(cell or "nan") for cell in row] for row in rows[:, 2:]], np.float32)
        mean = load_run("run").datamodule.input_mean
        inputs = np.where(np.isnan(x), np.array(mean, np.float32), x)
        with torch.no_grad():
            prediction = module(torch.from_numpy(inputs)[None])[0][0, :, 0].numpy()
        counts = [t for t in range(144 - 2, 160 - 2) if not np.isnan(x[t]).any()]
        errors += [abs(prediction[t] - x[t + 2, 1]) for t in counts]
    assert result.metrics["test/mae"] == pytest.approx(np.mean(errors), rel=1e-5)


@pytest.mark.slow
def test_cut_off_twice() -> None:
    words = [*SERIES, "trainer.max_epochs=2"]
    assert_same_run(cut_and_resumed(words, random_steps(2, 2 * EPOCH)), whole(words))


@pytest.mark.slow
def test_cut_off_around_the_borders_of_epochs() -> None:
    steps = [EPOCH, EPOCH + 1, 2 * EPOCH - 1]
    assert_same_run(cut_and_resumed(SERIES, steps), whole(SERIES))


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["module.backprop_windows=3", "module.burn_in=4"],
        ["datamodule.overfit_batches=5", "trainer.max_epochs=9", "trainer.val_check_interval=1.0"],
        ["datamodule.num_workers=2"],
    ],
    ids=["TBPTT", "overfit", "workers"],
)
def test_cut_off_in_other_ways(words: list[str]) -> None:
    words = [*SERIES, *words]
    assert_same_run(cut_and_resumed(words, random_steps(5, 44), ["datamodule.num_workers=1"]), whole(words))


def test_a_run_does_not_go_on_with_other_data() -> None:
    folder = cut_off([*SERIES, "trainer.max_epochs=1"], 9)
    signals("pump.csv", rows=170)
    with pytest.raises(
        ValueError, match=r"series:pump: the files are not what the training read \(480 rows then, 510 now"
    ):
        resume(folder, trust=OWN)


def test_targets_that_are_missing_throughout_the_validation() -> None:
    table = [line.split(",") for line in Path("pump.csv").read_text().splitlines()]
    Path("pump.csv").write_text("\n".join(",".join([*row[:3], row[3] * (i < 350)]) for i, row in enumerate(table)))
    words = [*SERIES, "trainer.max_epochs=1"]
    with pytest.raises(
        ValueError, match=r"leave 0 steps to measure val/r2, .* more data for val \(datamodule.val_frac"
    ):
        train(compose(words), "run", words)


def test_a_trained_run_is_tested_on_new_files_without_the_old_ones() -> None:
    words = [*SERIES, "trainer.max_epochs=1"]
    folder = train(compose(words), "run", words).folder
    same = evaluate(folder)
    signals("new.csv", rows=50, seed=1)
    Path("pump.csv").unlink()
    other = evaluate(folder, overrides=["datamodule.test_files=[new.csv]"])
    results = json.loads((other.folder / "results.json").read_text())
    assert results["datamodule"] == "series:new"
    assert results["parts"] == {"test": 3 * 48}
    assert set(other.metrics) == set(same.metrics)
    assert other.metrics["test/mae"] != same.metrics["test/mae"]
    with pytest.raises(FileNotFoundError, match=r"pump.csv matches no file"):
        evaluate(folder)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["datamodule=series"], "error: datamodule.files=[] leaves open which of your data to read; say so, such as"),
        (["datamodule.files=[none.csv]"], "error: none.csv matches no file in"),
        (["datamodule.horizon=0"], "error: datamodule.horizon=0 with 'heat' among the inputs and the targets would"),
        (
            ["module.difference_inputs=true"],
            "error: datamodule.missing='mask' reads the mean where an input is missing, which",
        ),
        (
            ["datamodule.gaps=error"],
            "error: pump.csv, column t, row 214: 81 after 70 in a is a gap; datamodule.gaps=reset",
        ),
        (
            ["datamodule.num_streams=500"],
            "error: datamodule.num_streams=500 is too much for train, which has 66 windows",
        ),
        (["datamodule.cache=/dev/null"], "error: the converted data cannot be written to /dev/null: "),
    ],
)
def test_mistakes_end_with_one_message(
    words: list[str], message: str, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    base = SERIES if words != ["datamodule=series"] else ["module=regressor"]
    given = {word.partition("=")[0] for word in words}
    base = [word for word in base if word.partition("=")[0] not in given]
    assert command(*base, *words, "hydra.run.dir=run") == 1
    error = capsys.readouterr().err
    assert f"\n{message}" in f"\n{error}"
    assert "Traceback" not in error


@pytest.mark.slow
def test_killed_with_two_ranks() -> None:
    words = [*SERIES, "trainer=ddp_cpu"]
    killed([*words, "hydra.run.dir=run"], "run", EPOCH + 3)
    assert len([path for path in Path("cache").iterdir() if path.is_dir()]) == 1
    resume("run")
    assert_same_run(Path("run"), whole(words))
