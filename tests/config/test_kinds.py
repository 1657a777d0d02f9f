"""Every key of every section, of the launcher, the sampler and the pruner, with values of another kind.

Each is refused by its key in one message, or taken: never a traceback of a library.
"""

from collections.abc import Iterator
from copy import deepcopy
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from seqmodels.config.schema import check_config, check_node
from seqmodels.parallel.machine import slots_of
from seqmodels.runs.run import compose
from seqmodels.searching.sampler import pruner_of, sampler_of
from tests.config.test_numbers import ALL_CALLBACKS, SINE, config, make

KINDS: tuple[Any, ...] = ({"a": 1}, {}, [1], [[1]], True, "abc", 10**20, -(10**20), [10**20])
PARTS = {
    "trainer": SINE,
    "callbacks": [*SINE, *ALL_CALLBACKS],
    "checkpoint": SINE,
    "module": SINE,
    "datamodule": ["datamodule=labelled_series", "datamodule.files=[a.csv]"],
    "core": ["datamodule=digits", "core=min_lstm"],
    "optimizer": ["datamodule=digits", "optimizer=sgd"],
    "scheduler": ["datamodule=digits", "scheduler=one_cycle"],
}

BUILT_OFTEN = ("callbacks", "module")
"""Sections that take most texts for a name."""


def keys(node: dict[str, Any], path: str) -> Iterator[str]:
    for name, value in node.items():
        if not name.startswith("_"):
            yield f"{path}.{name}"
            yield from keys(value, f"{path}.{name}") if isinstance(value, dict) else ()


def said(do: Any) -> str | None:
    """What is said of a value, None where it is taken; anything but a ValueError is a traceback."""
    try:
        do()
    except ValueError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    "section", [pytest.param(one, marks=pytest.mark.slow if one in BUILT_OFTEN else ()) for one in PARTS]
)
def test_a_value_of_another_kind_is_refused_by_its_key(section: str, tmp_path: Path) -> None:
    base = config(tuple(PARTS[section]))
    plain: Any = OmegaConf.to_container(base, resolve=True)
    wrong = []
    for key in keys(plain[section], section):
        for value in KINDS:
            *above, last = key.split(".")

            def whole(value: Any = value, key: str = key, above: list[str] = above, last: str = last) -> None:
                changed = deepcopy(plain)
                reduce(getitem, above, changed)[last] = value
                check_node(changed[section], section)
                cfg = OmegaConf.create(changed)
                if len(above) == 1 or section == "checkpoint":
                    check_config(cfg)
                if section != "checkpoint":
                    make(cfg, section, tmp_path)

            try:
                message = said(whole)
            except Exception as error:
                message = f"{type(error).__name__}: {error}"
            if message is not None and f"{key}=" not in message and f"{key}." not in message:
                wrong.append(f"{key}={value}: {message}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("key", ["trainer.val_check_interval", "trainer.max_time"])
@pytest.mark.parametrize("value", [{}, {"hours": 1}, "1:00", "99999999999:00:00:00"])
def test_a_time_is_a_text_of_four_parts(key: str, value: Any) -> None:
    cfg = config(tuple(SINE)).copy()
    OmegaConf.update(cfg, key, value, merge=False)
    assert f"{key}=" in (said(lambda: check_config(cfg)) or "")
    OmegaConf.update(cfg, key, "00:00:10:00", merge=False)
    check_config(cfg)


@pytest.mark.parametrize("choice", ["sampler=tpe", "sampler=gp", "pruner=median", "pruner=halving", "pruner=hyperband"])
@pytest.mark.parametrize("value", [*KINDS, None, 0.5, -1])
def test_an_option_of_a_search_is_refused_by_its_key(choice: str, value: Any) -> None:
    section = choice.partition("=")[0]
    node: Any = OmegaConf.to_container(compose([choice], "tune")[section])
    for key in keys(node, section):
        changed = {**node, key.rpartition(".")[2]: value}

        def whole(changed: Any = changed) -> None:
            check_node(changed, section)
            sampler_of(changed, 1) if section == "sampler" else pruner_of(changed)

        assert f"{key}=" in (said(whole) or "taken"), key


@pytest.mark.parametrize("key", ["jobs", "gpus", "jobs_per_gpu"])
@pytest.mark.parametrize("value", [*(kind for kind in KINDS if kind not in ([1], [10**20])), None, 0.5, 3.0, 0, -1])
def test_an_option_of_the_launcher_is_refused_by_its_key(key: str, value: Any) -> None:
    options: Any = {"jobs": "auto", "gpus": [], "jobs_per_gpu": 1, key: value}
    assert f"hydra.launcher.{key}=" in (said(lambda: slots_of(**options, requests=[])) or "taken")
