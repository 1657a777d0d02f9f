"""Who may import whom: a room imports from floors below it only, and nothing anywhere imports in a circle.

Local imports count, and those for type checkers.
"""

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.conftest import ROOT

SOURCE = ROOT / "src" / "seqmodels"
FLOORS = [
    {"exceptions", "system", "config"},  # ground
    {"cores", "tables", "cli"},  # the parts
    {"datamodules"},  # the data
    {"modules", "callbacks", "loggers"},  # a training
    {"checkpoints", "parallel", "stacking"},  # its state; many jobs; many models at once
    {"distributed"},  # its ranks
    {"runs"},  # a run: the only room that makes objects of config
    {"sweeps", "searching", "reporting", "predicting", "exporting"},  # applications of runs
    {"train", "tune", "report", "evaluate", "predict", "export"},  # the doors
    {"hydra_plugins"},  # which Hydra finds by itself
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
APART = [
    ("modules", "datamodules", "datamodules.window"),  # modules see what a window is, and no source of windows
    # and no particular core
    ("modules", "cores", ("cores.base", "cores.differencing", "cores.initial_state", "cores.token_embedding")),
    ("parallel", "runs", ()),
]
TOGETHER = [{"exceptions", "system", "config"}]
"""Rooms of one floor that may see each other; circles are looked for among all modules."""

HEAVY = ("torch", "torchvision", "torchmetrics", "lightning", "matplotlib", "sklearn", "numpy")


@cache
def modules() -> dict[str, Path]:
    """All modules by their names without the leading `seqmodels.`."""
    found = {}
    for path in [*SOURCE.rglob("*.py"), *(SOURCE.parent / "hydra_plugins").glob("*.py")]:
        name = ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts)
        found[name.removesuffix(".__init__").removeprefix("seqmodels.")] = path
    return found


@cache
def imports(name: str, top_level_only: bool = False) -> set[str]:
    """What a module imports, by its full name; of ours without `seqmodels.`, and symbols as the module they are in."""
    tree = ast.parse(modules()[name].read_text())
    found = set()
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            parts = {f"{node.module}.{alias.name}".removeprefix("seqmodels.") for alias in node.names}
            found |= {part if part in modules() else str(node.module).removeprefix("seqmodels.") for part in parts}
    return {one for one in found if one != "seqmodels"}


def ours(name: str) -> set[str]:
    return imports(name) & modules().keys()


def room(name: str) -> str:
    return name.partition(".")[0]


def test_every_module_has_a_floor() -> None:
    assert {room(name) for name in modules()} - {"seqmodels"} == FLOOR.keys()


def test_arrows_go_down() -> None:
    wrong = []
    for name in modules().keys() - {"seqmodels"}:
        for other in ours(name):
            here, there = room(name), room(other)
            neighbours = any({here, there} <= rooms for rooms in TOGETHER)
            if here != there and FLOOR[there] >= FLOOR[here] and not neighbours:
                wrong.append(f"{name} imports {other}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("here", "there", "allowed"), APART)
def test_what_a_room_may_not_see_of_another(here: str, there: str, allowed: str | tuple[str, ...]) -> None:
    allowed = (allowed,) if isinstance(allowed, str) else allowed
    seen = {other for name in modules() if room(name) == here for other in ours(name) if room(other) == there}
    assert all(other in allowed for other in seen), seen


def test_no_circles() -> None:
    graph = {name: ours(name) for name in modules()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        pytest.fail(" imports ".join(reversed(circle.args[1])))


@pytest.mark.parametrize("name", ["seqmodels", *sorted(FLOORS[-2])])
def test_a_door_opens_without_heavy_imports(name: str) -> None:
    """`--help`, a typo and a finished run do not wait for torch; what a door imports, it imports wholly."""
    seen, waiting = set(), [name]
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        for other in imports(one, top_level_only=True):
            assert other.split(".")[0] not in HEAVY, f"{one} imports {other}"
            waiting += [other] if other in modules() else []


def test_only_one_file_makes_objects_of_config() -> None:
    found = {name for name, path in modules().items() if "instantiate" in path.read_text()}
    assert found == {"runs.build"}


def test_the_root_holds_the_doors_and_little_else() -> None:
    assert {path.stem for path in SOURCE.glob("*.py")} == {"__init__", "exceptions", *FLOORS[-2]}


def test_nothing_is_called_utils() -> None:
    for path in SOURCE.rglob("*"):
        assert path.stem not in ("utils", "helpers", "components", "common")
