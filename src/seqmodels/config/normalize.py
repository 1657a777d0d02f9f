"""Overrides as people type them, turned into those that Hydra takes.

experiment=mnist_lstm            +experiment=mnist_lstm: groups without a choice of their own are added
+core=gru                        core=gru: the others have one, to be replaced
callbacks=diagnostics            callbacks=[default,diagnostics]: one more comes beside those of every run
datamodule.delimiter=;           datamodule.delimiter=';': what is not of Hydra's grammar is text
module.core.hidden_size=64       refused with core.hidden_size=64, its name of today
experiment=psmnist_lstm          refused with what took its place
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from hydra.core.override_parser.types import ChoiceSweep
from hydra.errors import HydraException

from seqmodels.config.callbacks import with_default
from seqmodels.config.migrate import migrated_override
from seqmodels.config.overrides import key_of, overrides_in, parse, readable, split
from seqmodels.config.places import conf_dir
from seqmodels.exceptions import first_line

ADDED_GROUPS = ("experiment", "sweep", "search", "debug")
"""They stand in no defaults list, so that Hydra wants a `+` before them."""


CHOSEN_GROUPS = ("datamodule", "module", "core", "optimizer", "scheduler", "trainer", "callbacks", "logger")
"""They have a choice already, so that Hydra wants no `+` before them."""


def normalized(arguments: Sequence[str], folders: Iterable[str] = ()) -> list[str]:
    """The arguments of a command with each override as Hydra takes it; flags and their values stay.

    Args:
        arguments: of `train` or `tune`.
        folders: further places of YAMLs, as `--config-dir` names them.

    Raises:
        ValueError: an override cannot be read, or its key or experiment has another name today.
    """
    for one in arguments:
        refuse_comment(one)
    overrides = set(overrides_in(list(arguments)))
    places = [Path(folder) for folder in folders] + [Path(folder) for folder in config_dirs(arguments)]
    return [_normalized(one, [*places, conf_dir()]) if one in overrides else one for one in arguments]


def config_dirs(arguments: Sequence[str]) -> list[str]:
    """The folders that `--config-dir` names."""
    found = [one.partition("=")[2] for one in arguments if one.startswith("--config-dir=")]
    return found + [after for one, after in pairwise(arguments) if one in ("--config-dir", "-cd")]


def refuse_comment(argument: str) -> None:
    """
    Raises:
        ValueError: it begins a comment, which not every shell leaves out.
    """
    if argument.startswith("#"):
        raise ValueError(f"{argument} is a comment that the shell passed on; leave it out, and what comes behind it")


def refuse_old_name(override: str) -> None:
    """
    Raises:
        ValueError: its key has another name today.
    """
    today = migrated_override(override)
    if today != override:
        remedy = "scheduler=none" if today == "~scheduler" else today
        raise ValueError(f"{key_of(override)} is {key_of(today)} now; give {remedy}")


def _normalized(override: str, places: Sequence[Path]) -> str:
    refuse_old_name(override)
    sign, key, value = split(override)
    if key in CHOSEN_GROUPS and sign == "+":
        sign, override = "", override.removeprefix("+")
    if key == "experiment" and value and "psmnist_" in value:
        _refuse_old_experiments(value, places)
    if key in ADDED_GROUPS and not sign and value != "null":
        return f"+{override}"
    if key in CHOSEN_GROUPS and not sign:
        _refuse_no_names(override)
    if key == "callbacks" and not sign:
        return with_default(override, places)
    try:
        parse([override])
    except HydraException as error:
        raise ValueError(f"{override} cannot be read: {first_line(error)}") from error
    return readable(override)


def _refuse_no_names(override: str) -> None:
    """
    Raises:
        ValueError: something else is chosen than YAMLs by their names, on which Hydra would end in a TypeError.
    """
    try:
        value = parse([override])[0].value()
    except HydraException:
        return  # told by what reads it next
    choices = value.list if isinstance(value, ChoiceSweep) else [value]
    names = [name for choice in choices for name in (choice if isinstance(choice, list) else [choice])]
    if any(isinstance(name, int | float | dict | list) for name in names):
        key = key_of(override)
        raise ValueError(f"{override} chooses no YAML of conf/{key}; give a name, {key}=NAME, or a list of names")


def _refuse_old_experiments(value: str, places: Sequence[Path]) -> None:
    gone = [
        name
        for name in value.split(",")
        if not any((place / "experiment" / f"{name}.yaml").exists() for place in places)
    ]
    if any(name.startswith("psmnist_") for name in gone):
        today = value.replace("psmnist_", "smnist_")
        raise ValueError(
            f"experiment={value}: psmnist_* are smnist_* with a permutation now; give +experiment={today} "
            f"datamodule.permutation=random"
        )
