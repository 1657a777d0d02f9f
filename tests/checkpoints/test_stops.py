"""Wherever a stop falls, the resumed run equals the one that was not stopped, bit for bit.

Every way in which an epoch ends, with a validation due or not and the stop in it, with the last group of accumulated
gradients full or not, with and without workers.
"""

import csv
from itertools import product
from pathlib import Path

import pytest

from seqmodels.exceptions import Stopped
from seqmodels.runs.run import compose, resume, train
from tests.support.attempts import OWN, assert_same_run, callback, checkpoint, same

LEAN = ["callbacks=[checkpoints,guards]", "logger=csv", "test=false", "checkpoint.every_n_steps=null", "trainer=cpu",
        "threads=1", "core.hidden_size=8", "trainer.log_every_n_steps=1"]  # fmt: skip
IMAGES = ["datamodule=digits", "datamodule.batch_size=256", "datamodule.val_size=257", "module.dropout=0.3",
          "datamodule.shift=1", "trainer.max_epochs=2", *LEAN]  # fmt: skip
STREAM = ["+experiment=sine_stream", "datamodule.num_streams=4", "datamodule.window=5", "datamodule.val_windows=3",
          *LEAN]  # fmt: skip
ENDS = {
    "loader": ([*IMAGES], 5),
    "limit": ([*IMAGES, "trainer.limit_train_batches=4"], 4),
    "fraction": ([*IMAGES, "trainer.limit_train_batches=0.85"], 4),
    "steps": ([*IMAGES, "trainer.max_epochs=9", "trainer.max_steps=STEPS"], 5),
    "stream": ([*STREAM, "trainer.max_steps=STEPS"], 5),
    "limited stream": ([*STREAM, "trainer.max_steps=STEPS", "trainer.limit_train_batches=4"], 4),
    "windows": ([*STREAM, "datamodule.overfit_batches=5", "trainer.max_epochs=2", "trainer.max_steps=-1"], 5),
}
"""What ends an epoch: overrides, and the batches of the first one, of a stream any number."""

VALIDATIONS = {
    "none": ["trainer.limit_val_batches=0", "monitor=train/loss", "mode=min"],
    "end": ["trainer.val_check_interval=1.0"],
    "every": ["trainer.val_check_interval=1"],
    "across": ["trainer.val_check_interval=2", "trainer.check_val_every_n_epoch=null"],
}
GROUPS = (1, 3)
SPANNING = [("loader", "every", 3, 0), ("limit", "none", 1, 0), ("stream", "every", 3, 0)]
REST = [
    case
    for case in [
        *product(("loader", "limit"), VALIDATIONS, GROUPS, (0,)),
        *product(("steps", "stream"), ("none", "every", "across"), GROUPS, (0,)),
        *product(("fraction", "limited stream", "windows"), ("none", "every"), (3,), (0,)),
        *product(("loader", "limit", "stream"), ("every",), (3,), (2,)),
    ]
    if case not in SPANNING
]


def written(cases: list[tuple[str, str, int, int]]) -> list[str]:
    return [f"{end}, {when}, groups of {group}, {workers} workers" for end, when, group, workers in cases]


@pytest.mark.parametrize(("end", "when", "group", "workers"), SPANNING, ids=written(SPANNING))
def test_a_stop_anywhere(end: str, when: str, group: int, workers: int) -> None:
    stopped_and_resumed(end, when, group, workers)


@pytest.mark.slow
@pytest.mark.parametrize(("end", "when", "group", "workers"), REST, ids=written(REST))
def test_a_stop_anywhere_in_every_way(end: str, when: str, group: int, workers: int) -> None:
    stopped_and_resumed(end, when, group, workers)


def stopped_and_resumed(end: str, when: str, group: int, workers: int) -> None:
    """In the last batch of an epoch, in the validation behind it, and the same at the end of the training."""
    words, batches = ENDS[end]
    words = [
        *words,
        *VALIDATIONS[when],
        f"trainer.accumulate_grad_batches={group}",
        f"datamodule.num_workers={workers}",
    ]
    words = [word.replace("STEPS", "7" if group == 1 else "3") for word in words]
    whole = train(compose(words), "whole").folder
    last = checkpoint(whole)["loops"]["fit_loop"]["epoch_loop.batch_progress"]["total"]["ready"]
    stops = 0
    for batch, validation in product((batches, last), (False, True)):
        folder = Path(f"{batch} {validation}")
        asking = callback("StopIn", batch=batch, validation=str(validation).lower())
        try:
            train(compose([*words, *asking]), folder)
        except Stopped:
            stops += 1
            resume(folder, trust=OWN)
        assert_same_run(folder, whole)
        assert same(best(folder), best(whole))
    assert stops >= 2


@pytest.mark.parametrize(
    ("words", "steps"),
    [
        # An epoch of 5 batches has 3 steps, the last of a group that is not full.
        ([*IMAGES, "trainer.val_check_interval=1"], [1, 2, 3, 4, 5, 6]),
        ([*IMAGES, "trainer.val_check_interval=2"], [2, 5]),
        ([*IMAGES, "trainer.val_check_interval=3"], [3, 6]),
        ([*IMAGES, "trainer.val_check_interval=99"], [3, 6]),
        ([*IMAGES, "trainer.val_check_interval=0.7"], [2, 5]),
        ([*IMAGES, "trainer.val_check_interval=4", "trainer.check_val_every_n_epoch=null"], [4]),
        ([*STREAM, "trainer.max_steps=8", "trainer.val_check_interval=4"], [4, 8]),
        ([*STREAM, "trainer.max_steps=8", "trainer.val_check_interval=0.25"], [2, 4, 6, 8]),
    ],
    ids=["every", "second", "third", "beyond an epoch", "fraction", "across epochs", "stream", "fraction of a stream"],
)
def test_validations_are_counted_in_steps(words: list[str], steps: list[int]) -> None:
    train(compose([*words, "trainer.accumulate_grad_batches=2"]), "run")
    rows = csv.DictReader(Path("run/metrics.csv").read_text().splitlines())
    assert [int(row["step"]) + 1 for row in rows if row["val/loss"]] == steps


@pytest.mark.parametrize("interval", [1, 2])
def test_patience_is_counted_in_validations(interval: int) -> None:
    """The loss never falls by 10, so that the third validation is the last."""
    words = [
        *STREAM,
        "trainer.max_steps=20",
        f"trainer.val_check_interval={interval}",
        "callbacks=[checkpoints,guards,early_stopping]",
    ]
    words += [
        "trainer.accumulate_grad_batches=4",
        "monitor=val/loss",
        "mode=min",
        "callbacks.early_stopping.patience=2",
    ]
    train(compose([*words, "callbacks.early_stopping.min_delta=10"]), "run")
    assert checkpoint(Path("run"))["global_step"] == 3 * interval


def best(folder: Path) -> object:
    """What best.ckpt holds that does not tell where the run was stopped."""
    if not (folder / "checkpoints" / "best.ckpt").exists():
        return None
    contents = checkpoint(folder, "best")
    return {key: contents[key] for key in ("state_dict", "optimizer_states", "callbacks", "global_step")}
