"""Learning-rate schedules: what they do to the rates, how long they last, and that a resumed run goes on with them."""

import csv
import math
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR

from seqmodels.modules import schedules
from seqmodels.runs.run import compose, resume, train
from tests.support.attempts import assert_same_run, cut_and_resumed

QUICK = ["+experiment=sine_stream", "callbacks=[checkpoints,guards]", "logger=csv", "test=false", "trainer=cpu",
         "threads=1", "datamodule.num_streams=4", "datamodule.window=5", "datamodule.val_windows=2",
         "core.hidden_size=4", "trainer.log_every_n_steps=1", "optimizer=sgd", "optimizer.lr=0.01",
         "checkpoint.every_n_steps=1"]  # fmt: skip


def rates(folder: str = "run") -> list[float]:
    """At which the steps of a run were taken, and the one that would come next."""
    rows = csv.DictReader(Path(folder, "metrics.csv").read_text().splitlines())
    return [float(row["lr"]) for row in rows if row["lr"]]


def groups(*multiples: float) -> torch.optim.Optimizer:
    weights = [torch.nn.Parameter(torch.ones(1)) for _ in multiples]
    optimizer = torch.optim.SGD([{"params": [weight]} for weight in weights], lr=0.3)
    for group, multiple in zip(optimizer.param_groups, multiples, strict=True):
        group["lr"] *= multiple
    return optimizer


def course(schedule: Any, steps: int) -> list[list[float]]:
    found = [schedule.get_last_lr()]
    for _ in range(steps):
        schedule.optimizer.step()
        schedule.step()
        found.append(schedule.get_last_lr())
    return found


def test_a_cosine_ends_each_group_in_proportion() -> None:
    found = course(schedules.cosine(groups(1, 0.1), 20, final=0.03), 20)
    assert all(b == pytest.approx(a / 10, rel=1e-9) for a, b in found)
    assert found[-1] == pytest.approx([0.03, 0.003])
    assert found[5][0] == pytest.approx(0.03 + 0.27 * (1 + math.cos(math.pi / 4)) / 2)


def test_a_cosine_of_one_group_is_that_of_torch_bit_for_bit() -> None:
    ours = course(schedules.cosine(groups(1), 20, final=0.1), 20)
    assert ours == course(CosineAnnealingLR(groups(1), 20, 0.1), 20)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["scheduler=step", "scheduler.step_size=3", "scheduler.gamma=0.5"], [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]),
        (["scheduler=exponential", "scheduler.gamma=0.9"], [0.9**n for n in range(8)]),
        (["scheduler=warmup", "scheduler.steps=4", "scheduler.start=0.2"], [0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1]),
        # Nothing is better by 9 than before: after two validations without, the third lowers the rate.
        (
            ["scheduler=plateau", "scheduler.patience=1", "scheduler.min_delta=9", "scheduler.factor=0.5",
             "trainer.val_check_interval=2", "scheduler.final=0.004", "monitor=val/loss", "mode=min"],
            [1, 1, 1, 1, 1, 1, 0.5, 0.5],
        ),
    ],
    ids=["step", "exponential", "warmup", "plateau"],
)  # fmt: skip
def test_schedules_by_name(words: list[str], expected: list[float]) -> None:
    """In optimiser steps; and a run that was cut off goes on with them."""
    words = [*QUICK, *words, "trainer.max_steps=8"]
    whole = train(compose(words), "whole").folder
    assert rates("whole") == pytest.approx([0.01 * rate for rate in expected])
    assert_same_run(cut_and_resumed(words, [5]), whole)


@pytest.mark.parametrize("words", [["scheduler=exponential"]])
def test_a_schedule_without_a_length_is_extended(words: list[str]) -> None:
    words = [*QUICK, *words]
    train(compose([*words, "trainer.max_steps=4"]), "run")
    resume("run", ["trainer.max_steps=8"])
    longer = train(compose([*words, "trainer.max_steps=8"]), "longer").folder
    assert rates("run") == rates("longer")
    assert_same_run(Path("run"), longer)


def test_a_schedule_without_a_length_needs_no_end() -> None:
    train(compose([*QUICK, "scheduler=exponential", "trainer.max_steps=-1", "trainer.max_time=00:00:00:01"]), "run")
    assert 0 < rates()[-1] <= rates()[0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["scheduler=plateau", "monitor=train/loss", "mode=min"], r"scheduler.monitor=train/loss is not of a val"),
        (["scheduler=plateau", "scheduler.monitor=val/lost"], r"scheduler.monitor=val/lost is not measured"),
        (["scheduler=plateau", "scheduler._target_=torch.optim.lr_scheduler.ReduceLROnPlateau",
          "~scheduler.monitor", "~scheduler.min_delta", "~scheduler.final"], r"give scheduler=plateau"),
        (["scheduler=cosine", "trainer.max_steps=-1", "trainer.max_time=00:00:00:01"], r"set trainer.max_steps"),
        (["scheduler=cosine", "scheduler.final=-1"], r"scheduler.final=-1"),
    ],
)  # fmt: skip
def test_a_schedule_that_cannot_be_meant(words: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train(compose([*QUICK, "trainer.max_steps=4", "trainer.val_check_interval=2", *words]), "run")


def test_a_schedule_from_python_is_told_what_it_takes() -> None:
    told: list[object] = []

    def schedule(optimizer: torch.optim.Optimizer, total_steps: int) -> object:
        told.append(total_steps)
        return torch.optim.lr_scheduler.ConstantLR(optimizer)

    trainer: Any = type("Trainer", (), {"estimated_stepping_batches": 7})
    schedules.for_lightning(trainer, schedule, groups(1))  # type: ignore[arg-type]
    schedules.for_lightning(trainer, partial(torch.optim.lr_scheduler.StepLR, step_size=2), groups(1))
    assert told == [7]
