"""Runs of an earlier build (version 0.1.0, November 2026) still resume, evaluate, predict and export.

tests/data/runs_0.1.0.tar.gz holds folders as that build left them, all small:

runs/stream, image, series, labelled    stopped by SIGTERM after about 15 steps
runs/finished                           the series run, not stopped
runs/sweep                              four jobs; the third was stopped, the fourth had not begun
runs/study                              a search of two trials, made with `mine/search/quick.yaml`
pump.state                              of a prediction with runs/finished, behind row 199 of pump.csv
expected/                               what the same commands left when nothing stopped them
configs/                                every YAML of conf/ as a whole config
targets.txt                             every class and function of ours that they name
"""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from tests.conftest import ROOT, Command

ARCHIVE = ROOT / "tests" / "data" / "runs_0.1.0.tar.gz"
SEARCH = [
    "+experiment=sine_stream", "callbacks=checkpoints", "trainer.max_steps=8", "trainer.val_check_interval=4",
    "datamodule.num_streams=4", "datamodule.window=5", "datamodule.val_windows=2", "datamodule.test_windows=2",
    "core.hidden_size=4", "+search=quick", "trainer=cpu", "threads=1", "logger=csv",
    "trainer.log_every_n_steps=1", "checkpoint.every_n_steps=3",
]  # fmt: skip
STUDY = Path("outputs/sine_stream/study_quick")


@pytest.fixture(autouse=True)
def _unpacked(_away_from_home: None) -> None:
    shutil.unpack_archive(ARCHIVE, filter="data")


def results(folder: Path) -> dict[str, object]:
    return json.loads((folder / "results.json").read_text())


def table(path: Path) -> dict[str, np.ndarray]:
    """The columns of a metrics.csv, whatever their order; a cell without a number is NaN."""
    rows = list(csv.DictReader(path.read_text().splitlines()))
    return {key: np.array([float(row[key] or "nan") for row in rows]) for key in rows[0]}


def assert_as_undisturbed(folder: Path, expected: Path) -> None:
    """The rest of the run has the numbers that it would have had, on this machine up to rounding."""
    assert results(folder)["status"] == "completed"
    ours, theirs = table(folder / "metrics.csv"), table(expected / "metrics.csv")
    assert ours.keys() >= theirs.keys()
    for key, column in theirs.items():
        np.testing.assert_allclose(ours[key], column, rtol=1e-4, atol=1e-6, err_msg=key)


@pytest.mark.parametrize("name", ["stream", "image", "series", "labelled"])
def test_a_stopped_run_goes_on(name: str, command: Command) -> None:
    before = table(Path("runs", name, "metrics.csv"))
    assert command(f"resume=runs/{name}") == 0
    after = table(Path("runs", name, "metrics.csv"))
    for key in ("step", "train/loss", "lr"):
        np.testing.assert_array_equal(after[key][: len(before[key])], before[key])  # what was written stays
    assert_as_undisturbed(Path("runs", name), Path("expected", name))


def test_a_sweep_goes_on(command: Command) -> None:
    assert command("resume=runs/sweep") == 0
    jobs = sorted(path for path in Path("runs/sweep").iterdir() if path.name[0].isdigit())
    assert [job.name[0] for job in jobs] == list("0123")
    for job in jobs:
        assert_as_undisturbed(job, Path("expected/sweep", job.name[0]))


def test_a_study_goes_on(invoke: Command) -> None:
    STUDY.parent.mkdir(parents=True)
    shutil.move("runs/study", STUDY)
    search = Path("mine/search/quick.yaml")
    assert (
        invoke("tune", "--config-dir", "mine", *SEARCH, "n_trials=3") == 1
    )  # a YAML is a person's own, who is told the new name
    search.write_text(search.read_text().replace("module.optimizer.lr", "optimizer.lr"))
    assert invoke("tune", "--config-dir", "mine", *SEARCH, "n_trials=3") == 0
    trials = list(csv.DictReader((STUDY / "trials.csv").read_text().splitlines()))
    assert [trial["state"] for trial in trials] == ["complete"] * 3
    assert all(float(trial["optimizer.lr"]) > 0 for trial in trials)
    assert "module.optimizer.lr" not in trials[0]


def test_evaluated(invoke: Command) -> None:
    assert invoke("evaluate", "run=runs/finished", "output=again") == 0
    assert results(Path("again"))["metrics"]["test/mae"] == pytest.approx(
        results(Path("runs/finished"))["metrics"]["test/mae"], rel=1e-4
    )


def test_predicted_from_the_start_and_from_a_state(invoke: Command) -> None:
    lines = Path("pump.csv").read_text().splitlines(keepends=True)
    Path("second.csv").write_text(lines[0] + "".join(lines[200:]))
    assert invoke("predict", "run=runs/finished", "input=pump.csv", "output=all.csv") == 0
    assert invoke("predict", "run=runs/finished", "input=second.csv", "output=rest.csv", "state=pump.state") == 0
    for ours, first in (("all.csv", 1), ("rest.csv", 200)):
        theirs = list(csv.reader(Path("expected/predictions.csv").read_text().splitlines()))[first:]
        rows = list(csv.reader(Path(ours).read_text().splitlines()))[1:]
        assert [row[0] for row in rows] == [row[0] for row in theirs]
        np.testing.assert_allclose([float(row[-1]) for row in rows], [float(row[1]) for row in theirs], rtol=1e-5)


@pytest.mark.parametrize("name", ["stream", "finished", "image", "labelled"])
def test_back_in_python(name: str) -> None:
    from seqmodels import load_run

    run = load_run(Path("runs", name))
    with torch.no_grad():
        assert run.module(torch.zeros(2, 5, run.module.core.input_size))[0].isfinite().all()


def test_exported(invoke: Command) -> None:
    assert invoke("export", "run=runs/finished", "format=torch", "output=exported") == 0


def test_a_new_run_begins_with_the_weights(command: Command) -> None:
    from seqmodels.config.migrate import migrated_override

    before = results(Path("runs/series"))["overrides"]
    assert isinstance(before, list)
    assert command(*before, "init_from=runs/finished") == 1  # told the new name of a key
    words = [migrated_override(word) for word in before]
    assert command(*words, "init_from=runs/finished", "trainer.max_epochs=1", "hydra.run.dir=new") == 0
    assert results(Path("new"))["status"] == "completed"


def test_compared(invoke: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke("report", "runs/sweep") == 0
    assert "2 completed, 1 interrupted" in capsys.readouterr().out


def test_every_name_that_an_old_config_holds_is_still_known() -> None:
    from hydra.utils import get_object

    from seqmodels.config.migrate import migrated

    targets = Path("targets.txt").read_text().split()
    assert len(targets) == 44
    for target in targets:
        get_object(migrated({"_target_": target})["_target_"])


OLD = ["adding", "co2", "copy", "digits", "image_sequence", "labelled_series", "mnist", "series", "sine"]


@pytest.mark.parametrize("name", OLD)
def test_every_old_data_config_is_that_of_today(name: str) -> None:
    """Those of image sets name classes that are one class now, and lack what tells it which set is meant."""
    from hydra.utils import instantiate

    from seqmodels.config.flat import flat
    from seqmodels.config.migrate import migrated, migrated_flat
    from seqmodels.runs.run import compose

    old = OmegaConf.to_container(OmegaConf.load(Path("configs", f"datamodule-{name}.yaml")))
    today = OmegaConf.to_container(compose([f"datamodule={name}"]).datamodule)
    assert migrated(old)["datamodule"] == today
    table = migrated_flat(flat(old))
    assert {key: value for key, value in table.items() if key.startswith("datamodule.")} == flat(today, "datamodule")
    own = {"files": ["pump.csv"], "inputs": ["load"]} if name.endswith("series") else {}
    own |= {"targets": ["heat"]} if name == "series" else {}
    node = OmegaConf.create(migrated(old)["datamodule"])
    assert instantiate(node, seed=1, **own).task in ("classification", "labelling", "regression")


GROUPS = ["core", "optimizer", "scheduler", "module", "trainer", "logger", "experiment", "debug"]


@pytest.mark.parametrize("group", GROUPS)
def test_every_yaml_says_what_it_said(group: str) -> None:
    """But for the animation, which has a switch now, and the experiments that one override took the place of."""
    from seqmodels.config.flat import flat, without_watching
    from seqmodels.config.migrate import migrated
    from seqmodels.runs.run import compose

    tried = 0
    for path in sorted(Path("configs").glob(f"{group}-*.yaml")):
        name = path.stem.removeprefix(f"{group}-")
        if name.startswith("psmnist"):
            today = compose([f"experiment={name[1:]}", "datamodule.permutation=random", f"name={name}"])
        else:
            today = compose([f"{group}={name}"])
        old, new = flat(migrated(OmegaConf.to_container(OmegaConf.load(path)))), flat(OmegaConf.to_container(today))
        if group == "module":  # which brings its monitor along now
            old |= {"monitor": new["monitor"], "mode": new["mode"]}
        assert without_watching(old) == without_watching(new), name
        tried += 1
    assert tried >= 2


def test_what_an_old_checkpoint_learned_of_images_is_found_under_the_class_of_today() -> None:
    from seqmodels import load_run
    from seqmodels.runs.run import compose, train

    words = ["datamodule=digits", "datamodule.normalize=true", "trainer=cpu", "threads=1", "callbacks=checkpoints"]
    folder = train(compose([*words, "trainer.max_steps=2"]), "run").folder
    trained = load_run(folder).datamodule.input_stats
    config = OmegaConf.load(folder / ".hydra" / "config.yaml")
    for key in ("dataset", "root", "fallback"):
        del config.datamodule[key]
    config.datamodule._target_ = "seqmodels.datamodules.digits.DigitsSequence"
    OmegaConf.save(config, folder / ".hydra" / "config.yaml")
    for path in (folder / "checkpoints").glob("*.ckpt"):
        contents = torch.load(path, weights_only=True)
        contents["DigitsSequence"] = contents.pop("ImageSequences")
        torch.save(contents, path)
    assert load_run(folder).datamodule.input_stats == trained
    assert trained is not None
