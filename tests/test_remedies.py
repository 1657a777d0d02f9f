"""Every remedy in every message of src can be pasted: its key is known in full, and what it says composes.

A class may say `batch_size=0` of its own arguments: `config.keys.explained` makes that the full key on the way out.
"""

import ast
import re
from functools import cache

import pytest
from hydra.utils import get_object
from omegaconf import OmegaConf

from seqmodels import evaluate, export, predict
from seqmodels.config.normalize import ADDED_GROUPS
from seqmodels.config.schema import check_config, parameters
from seqmodels.runs.run import compose
from seqmodels.searching.setting import OWN
from tests.conftest import ROOT, options

SOURCE = ROOT / "src"
HOLE = "\0"
PAIR = re.compile(r"(?<![\w./~{-])\+?([A-Za-z_][\w./@]*)=(\[[^\]]*\]|'[^']*'|[^\s,;:)]*)")
DOORS = {"evaluate": evaluate, "predict": predict, "export": export}
OF_DOORS = {key.name for door in DOORS.values() for key in door.KEYS}
COMMANDS = {"resume", "init_from", "trust", *ADDED_GROUPS, *OWN, *OF_DOORS}
"""Own arguments of the commands, and groups of which a config keeps only what they say."""

GRAMMAR = {"KEY", "key", "low", "high", "step", "log", "SEQMODELS_DATA"}
"""Shapes of arguments, fields of a search's space, the environment."""

GROUPS = ["datamodule", "module", "core", "optimizer", "scheduler", "trainer", "callbacks", "logger"]


def literal(node: ast.AST) -> str:
    """The text of a message, with holes where it says a value."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(literal(part) if isinstance(part, ast.Constant) else HOLE for part in node.values)
    if isinstance(node, ast.BinOp):
        return literal(node.left) + literal(node.right)
    return ""


@cache
def pairs() -> list[tuple[str, str, str]]:
    """Every `key=value` that is raised: the key, the value, and where."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                text = " ".join(literal(argument) for argument in node.exc.args)
                where = f"{path.relative_to(SOURCE)}:{node.lineno}"
                found += [(match[1], match[2].rstrip("."), where) for match in PAIR.finditer(text)]
    return found


@cache
def keys() -> dict[str, list[str]]:
    """Every key of every config, in full, and the overrides that lead to a config with it."""
    known: dict[str, list[str]] = {}
    for group in GROUPS:
        for name in options(group):
            base = [f"{group}={name}"]
            waiting = [("", OmegaConf.to_container(compose(base)))]
            while waiting:
                path, node = waiting.pop()
                for key, value in node.items():
                    full = f"{path}{key}"
                    known.setdefault(full, base)
                    if isinstance(value, dict):
                        waiting.append((f"{full}.", value))
    return known


@cache
def arguments() -> dict[str, list[str]]:
    """The full keys behind each argument of whatever a config names."""
    found: dict[str, list[str]] = {}
    for full in keys():
        found.setdefault(full.rpartition(".")[2], []).append(full)
    for group in GROUPS:
        for name in options(group):
            node = compose([f"{group}={name}"]).get(group) or {}
            for argument in parameters(get_object(node["_target_"])) if "_target_" in node else ():
                found.setdefault(argument, [])
    return found


def is_placeholder(value: str) -> bool:
    return not value or HOLE in value or "..." in value or value.isupper()


def test_there_are_messages() -> None:
    assert len(pairs()) > 150
    assert len({where.partition(":")[0] for _, _, where in pairs()}) > 40


def test_every_key_is_one() -> None:
    unknown = []
    for key, _, where in pairs():
        in_full = key in keys() or key in COMMANDS or key in GRAMMAR or key.startswith(("hydra.", "hydra/"))
        if not in_full and ("." in key or key not in arguments()):
            unknown.append(f"{where}: {key}=")
    assert not unknown, "\n".join(unknown)


def told() -> list[tuple[str, str]]:
    """Remedies with a value, under the full key; a value that a command alone takes is not composed."""
    found = set()
    for key, value, _ in pairs():
        if is_placeholder(value) or key in GRAMMAR or key.startswith("hydra"):
            continue
        for full in [key] if key in keys() else arguments().get(key, []):
            if key not in COMMANDS:
                found.add((full, value))
    return sorted(found)


@pytest.mark.parametrize(("key", "value"), told())
def test_every_remedy_composes(key: str, value: str) -> None:
    check_config(compose([*keys()[key], f"{key}={value}"]))


@pytest.mark.parametrize("name", DOORS)
def test_what_a_command_says_of_itself_are_keys(name: str) -> None:
    said = {match[1] for match in PAIR.finditer(DOORS[name].__doc__ or "")}
    assert {"run"} <= said <= COMMANDS | set(keys()) | {"datamodule.KEY"}
