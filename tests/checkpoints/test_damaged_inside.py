"""A checkpoint whose file is whole and whose inside is not: one message, and the run's folder stays as it was."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from seqmodels.checkpoints.places import place_of
from seqmodels.runs.run import compose, resume, train

WORDS = [
    "datamodule=sine", "module=regressor", "trainer=cpu", "threads=1", "core.hidden_size=4", "trainer.max_steps=3",
    "callbacks=[checkpoints]", "logger=csv", "trainer.log_every_n_steps=1", "datamodule.val_windows=2", "test=false",
]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(compose(WORDS), tmp_path_factory.mktemp("whole") / "run").folder


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(run, tmp_path / "run"))
    place_of(folder, "previous").unlink(missing_ok=True)
    return folder


def put(*keys: Any, value: Any) -> Callable[[Any], None]:
    def change(contents: Any) -> None:
        for key in keys[:-1]:
            contents = contents[key]
        contents[keys[-1]] = value

    return change


def drop(*keys: Any) -> Callable[[Any], None]:
    def change(contents: Any) -> None:
        for key in keys[:-1]:
            contents = contents[key]
        del contents[keys[-1]]

    return change


PARTS = ("state_dict", "position", "rng", "metrics", "loops", "optimizer_states", "lr_schedulers", "callbacks", "carry")
DAMAGES = {
    **{f"{part}={value!r}": put(part, value=value) for part in PARTS for value in (None, 3, "x", [1])},
    **{f"{part} is missing": drop(part) for part in PARTS},
    **{f"{part} is empty": put(part, value={}) for part in ("rng", "optimizer_states", "carry", "loops", "state_dict")},
    "a weight is text": put("state_dict", "head.weight", value="x"),
    "a step is text": put("position", "step", value="x"),
    "no generator of torch": drop("rng", 0, "torch"),
    "no groups of parameters": drop("optimizer_states", 0, "param_groups"),
    "no past of any weight": put("optimizer_states", 0, "state", value={}),
    "no second moment": drop("optimizer_states", 0, "state", 0, "exp_avg_sq"),
    "nothing of a weight": put("optimizer_states", 0, "state", 0, value={}),
    "no entry of a weight": drop("optimizer_states", 0, "state", 0),
    "no progress of epochs": drop("loops", "fit_loop", "epoch_progress"),
    "a metric is text": put("metrics", "val/loss", value="x"),
    "no best value": put("callbacks", "BestCheckpoint", value={}),
    "no age of the carry": drop("carry", "age"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_resume_says_what_is_damaged(copy: Path, damage: str) -> None:
    path = place_of(copy, "last")
    contents = torch.load(path, weights_only=True)
    DAMAGES[damage](contents)
    torch.save(contents, path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"last\.ckpt cannot be read: |the checkpoint lacks carry"):
        resume(copy, ["trainer.max_steps=5"])
    assert path.read_bytes() == before


def test_rows_without_a_step_are_not_thrown_away(copy: Path) -> None:
    rows = "time,loss\n1,2\n"
    (copy / "metrics.csv").write_text(rows)
    with pytest.raises(ValueError, match=r"metrics\.csv has no column step"):
        resume(copy, ["trainer.max_steps=5"])
    assert (copy / "metrics.csv").read_text() == rows


@pytest.mark.parametrize("results", ["[]", "null", "3", '"x"', "{}", '{"status": []}'])
def test_results_of_another_kind_do_not_keep_a_run_from_going_on(copy: Path, results: str) -> None:
    (copy / "results.json").write_text(results)
    ended = resume(copy, ["trainer.max_steps=4"])
    assert ended is not None


@pytest.mark.parametrize("words", [["optimizer.momentum=0.0"], ["optimizer.momentum=0.9"]])
def test_an_optimizer_without_a_past_goes_on(words: list[str]) -> None:
    folder = train(compose([*WORDS, "optimizer=sgd", "optimizer.lr=0.01", *words]), "plain").folder
    assert resume(folder, ["trainer.max_steps=4"]) is not None
