"""What is searched: read, checked, and turned into words."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml
from optuna.samplers import RandomSampler, TPESampler

from seqmodels.config.overrides import items
from seqmodels.searching.sampler import Seeded, sampler_of
from seqmodels.searching.space import overrides_for, suggest, text_of, without_fixed
from seqmodels.searching.space_yaml import read_space
from seqmodels.searching.storage import open_storage

SPACE = """
optimizer.momentum: {type: float, low: 0.5, high: 0.9, when: {optimizer: sgd}}
optimizer: {type: categorical, choices: [adam, sgd], when: {size: [small, big]}}
size: {type: categorical, choices: {tiny: [], small: [core=gru], big: [core=lstm, core.num_layers=2]}}
core.hidden_size: {type: int, low: 8, high: 64, log: true}
datamodule.batch_size: {type: int, low: 16, high: 64, step: 16}
"""


def chosen(space: str, number: int = 30) -> list[dict[str, Any]]:
    study = optuna.create_study(sampler=Seeded(lambda seed: RandomSampler(seed=seed), 1))
    dimensions = read_space(yaml.safe_load(space))
    return [suggest(dimensions, study.ask()) for _ in range(number)]


def test_a_condition_decides_what_belongs_to_a_trial() -> None:
    all_chosen = chosen(SPACE)
    assert {values["size"] for values in all_chosen} == {"tiny", "small", "big"}
    for values in all_chosen:
        assert ("optimizer" in values) == (values["size"] != "tiny")
        assert ("optimizer.momentum" in values) == (values.get("optimizer") == "sgd")
        assert 8 <= values["core.hidden_size"] <= 64
        assert values["datamodule.batch_size"] in (16, 32, 48, 64)


def test_the_words_of_a_trial() -> None:
    space = read_space(yaml.safe_load(SPACE))
    values = {"size": "big", "optimizer": "sgd", "optimizer.momentum": 0.6}
    assert overrides_for(space, values) == [
        "core=lstm", "core.num_layers=2", "optimizer=sgd", "optimizer.momentum=0.6",
    ]  # fmt: skip
    assert overrides_for(space, {"size": "tiny"}) == []


@pytest.mark.parametrize(
    "value",
    [1, -3, 1e-05, 0.1 + 0.2, 1e22, True, False, None, "lstm", "a b", "true", "null", "1", "it's", "a\\", "", "x=y,z"],
)  # fmt: skip
def test_hydra_reads_back_what_was_chosen(value: object) -> None:
    ((key, read),) = items([f"some.key={text_of(value)}"])  # type: ignore[arg-type]
    assert key == "some.key"
    assert read == value
    assert type(read) is type(value)


def test_what_the_command_fixes_is_not_searched() -> None:
    space = read_space(yaml.safe_load(SPACE))
    keys = {dimension.key for dimension in without_fixed(space, {"optimizer": "adam"})}
    assert keys == {"size", "core.hidden_size", "datamodule.batch_size"}
    (momentum,) = (d for d in without_fixed(space, {"optimizer": "sgd"}) if d.key.endswith("momentum"))
    assert momentum.counts({})


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ("{}", "there is nothing to search"),
        ("a: 3", "space.a=3 has no type that is known; write {type: float"),
        ("a: {type: real, low: 0, high: 1}", "has no type that is known"),
        ("a: {type: float, low: 0, hihg: 1}", "space.a.hihg is not known; a dimension of type float has"),
        ("a: {type: float, low: 0}", "space.a.high=null is not a number"),
        ("a: {type: int, low: 0.5, high: 2}", "space.a.low=0.5 is not an integer"),
        ("a: {type: float, low: .nan, high: 2}", "space.a.low=nan is not a number"),
        ("a: {type: float, low: 1, high: .inf}", "space.a.high=inf is not a number"),
        ("a: {type: float, low: 2, high: 1}", "low=2 is above high=1"),
        ("a: {type: float, low: 0, high: 1, log: true}", "log=true needs low above 0, not 0"),
        ("a: {type: float, low: 1, high: 2, log: 3}", "space.a.log=3 is neither true nor false"),
        ("a: {type: int, low: 1, high: 9, step: 2, log: true}", "step=2 and log=true exclude each other"),
        ("a: {type: int, low: 1, high: 9, step: 0}", "step=0 is not above 0"),
        ("a: {type: int, low: 1, high: 10, step: 2}", "steps of 2 lead from low=1 past high=10"),
        ("a: {type: categorical}", "space.a.choices=null offers nothing"),
        ("a: {type: categorical, choices: []}", "offers nothing"),
        ("a: {type: categorical, choices: [[1, 2]]}", "[1, 2] is not a single value; give it a name"),
        ("a: {type: categorical, choices: [x, x]}", "names a choice twice"),
        ("a: {type: categorical, choices: {x: core=gru}}", "is not a list of overrides KEY=VALUE"),
        ("a: {type: categorical, choices: [1], when: {b: 1}}", "space.a.when.b is not a categorical dimension"),
        (
            "{a: {type: int, low: 1, high: 2, when: {b: z}}, b: {type: categorical, choices: [x, y]}}",
            "space.a.when.b=z is never chosen; the choices are [x, y]",
        ),
        (
            "{a: {type: categorical, choices: [x], when: {b: x}}, b: {type: categorical, choices: [x], when: {a: x}}}",
            "space.a, space.b wait for each other",
        ),
    ],
)  # fmt: skip
def test_a_wrong_space_is_explained(space: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        read_space(yaml.safe_load(space))


@pytest.mark.parametrize(
    "make", [lambda seed: RandomSampler(seed=seed), lambda seed: TPESampler(seed=seed, n_startup_trials=4)]
)
def test_a_study_that_goes_on_proposes_what_it_would_have_proposed(make: Callable[[int], Any]) -> None:
    """A new process, and with it a new sampler, for every trial, or one process for all."""

    def proposals(starts: list[int], name: str) -> list[dict[str, Any]]:
        study = optuna.create_study(study_name=name, storage=open_storage("journal", Path.cwd()))
        space = read_space(yaml.safe_load(SPACE))
        for trials in starts:
            storage = open_storage("journal", Path.cwd())
            study = optuna.load_study(study_name=name, storage=storage, sampler=Seeded(make, 1))
            for _ in range(trials):
                trial = study.ask()
                values = suggest(space, trial)
                study.tell(trial, values["core.hidden_size"] + values.get("optimizer.momentum", 0))
        return [trial.params for trial in study.trials]

    whole = proposals([9], "whole")
    assert proposals([1, 2, 5, 1], "in parts") == whole
    assert len({str(params) for params in whole}) == 9


def test_a_sampler_whose_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cmaes", None)
    with pytest.raises(ValueError, match="needs the package cmaes: pip install cmaes"):
        sampler_of({"_target_": "optuna.samplers.CmaEsSampler"}, 1)


def test_half_a_line_at_the_end_of_a_journal_is_no_harm() -> None:
    """What a machine that went down leaves; Optuna alone could read nothing that is written behind it."""
    study = optuna.create_study(study_name="x", storage=open_storage("journal", Path.cwd()))
    study.tell(study.ask(), 1.0)
    journal = Path("journal.log")
    journal.write_bytes(journal.read_bytes() + b'{"op_code":4,"wor')
    again = optuna.load_study(study_name="x", storage=open_storage("journal", Path.cwd()))
    again.tell(again.ask(), 2.0)
    assert [trial.value for trial in again.trials] == [1.0, 2.0]
    assert [trial.value for trial in study.trials] == [1.0, 2.0]
