"""Who may import whom: arrows go one way, so that a core or a data source can be read alone."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "seqmodels"
ALLOWED = {
    "cores": ("seqmodels.cores",),
    "datamodules": ("seqmodels.datamodules",),
    "modules": (
        "seqmodels.modules",
        "seqmodels.cores.base",
        "seqmodels.cores.differencing",
        "seqmodels.cores.initial_state",
        "seqmodels.datamodules.window",
    ),
    "callbacks": ("seqmodels.callbacks", "seqmodels.exceptions"),
}
HEAVY = ("torch", "torchvision", "torchmetrics", "lightning", "matplotlib", "sklearn", "numpy")


def imported(path: Path, top_level_only: bool = False) -> list[str]:
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else ast.walk(tree)
    names = []
    for node in nodes:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return names


@pytest.mark.parametrize("folder", ALLOWED)
def test_arrows_go_one_way(folder: str) -> None:
    files = list((SOURCE / folder).glob("*.py"))
    assert len(files) > 1
    for path in files:
        for name in imported(path):
            if name.split(".")[0] == "seqmodels":
                assert name.startswith(ALLOWED[folder]), f"{path.name} imports {name}"


@pytest.mark.parametrize(
    "name",
    ["__init__", "train", "tune", "report", "evaluate", "predict", "export", "command", "naming", "paths", "words"],
)
def test_the_command_starts_without_heavy_imports(name: str) -> None:
    for module in imported(SOURCE / f"{name}.py", top_level_only=True):
        assert module.split(".")[0] not in HEAVY
        assert module not in ("seqmodels.runs.run", "seqmodels.config.schema", "seqmodels.runs.announce")


def test_only_one_file_instantiates() -> None:
    for path in SOURCE.rglob("*.py"):
        if path.name != "building.py":
            assert "instantiate" not in path.read_text(), path


def test_nothing_is_called_utils() -> None:
    for path in SOURCE.rglob("*"):
        assert path.stem not in ("utils", "helpers", "components", "common")
