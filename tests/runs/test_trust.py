"""A run's folder from a stranger: nothing in it is executed."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

from seqmodels.runs.run import compose, resume, train
from seqmodels.runs.trust import check_targets
from tests.conftest import options
from tests.support.attempts import SINE

QUICK = [*SINE, "trainer.max_steps=6", "test=false"]


class Payload:
    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch owned",)


@pytest.fixture
def run() -> Path:
    folder = train(compose(QUICK), "run", QUICK).folder
    (folder / "results.json").unlink()
    return folder


def change(run: Path, key: str, value: object) -> None:
    """Put something into the saved config, as a stranger could."""
    path = run / ".hydra" / "config.yaml"
    config = yaml.safe_load(path.read_text())
    *sections, last = key.split(".")
    node = config
    for section in sections:
        node = node.setdefault(section, {})
    node[last] = value
    path.write_text(yaml.safe_dump(config))


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "subprocess.call",
        "builtins.eval",
        "hydra.utils.get_object",
        "torch.os.system",  # a module that torch has imported
        "torch.hub.load",
        "torch.load",
        "torch.utils.collect_env.run",
        "torch.utils.cpp_extension.load_inline",
        "lightning.pytorch.trainer.trainer.os.system",
        "seqmodels.cli.command.os._exit",
        "seqmodels.runs.results.subprocess.run",
        "seqmodels.runs.run.train",
        "torch.optim.Adam.__init__.__globals__",
        "torchmetrics.utilities.imports.importlib.import_module",
        "evil.Payload",
        "seqmodels",
        "",
        None,
        ["os", "system"],
    ],
)
@pytest.mark.parametrize("place", ["callbacks.extra", "core", "optimizer", "trainer.profiler", "datamodule.notes"])
def test_a_config_cannot_name_what_is_not_a_part_of_a_run(target: object, place: str) -> None:
    config = {"callbacks": {"extra": {}}, place: {}}
    node = config
    for section in place.split("."):
        node = node.setdefault(section, {})
    node |= {"_target_": target, "_args_": ["touch owned"]}
    with pytest.raises(ValueError, match=r"asks for .*_target_=.* so nothing was executed"):
        check_targets(config, [], "it")
    assert not Path("owned").exists()


def test_targets_in_lists_and_behind_interpolations_are_found(run: Path) -> None:
    change(run, "callbacks.extra", {"_target_": "lightning.pytorch.callbacks.LambdaCallback", "on_fit_start": None})
    change(run, "callbacks.extra.setup", [{"deep": {"_target_": "${oc.env:HIDDEN,os.system}"}}])
    with pytest.raises(ValueError, match=r"callbacks.extra.setup\[0\].deep._target_='os.system'"):
        resume(run)


def test_a_module_beside_the_run_is_not_even_imported(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path.cwd()))
    Path("evil.py").write_text("from pathlib import Path\nPath('owned').touch()\nclass Payload: pass\n")
    change(run, "callbacks.extra", {"_target_": "evil.Payload"})
    change(run, "trust", ["evil"])  # what the config itself trusts does not count
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(ValueError, match=r"add trust=\[evil\]"):
        resume(run)
    assert not Path("owned").exists()
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_resumed_words_cannot_bring_it_in(run: Path) -> None:
    (run / ".hydra" / "resumed.yaml").write_text("- ['logger.extra={_target_: os.system}', 'trust=[os]']\n")
    with pytest.raises(ValueError, match=r"logger.extra._target_='os.system'"):
        resume(run)


def test_what_the_user_trusts_is_used(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path.cwd()))
    Path("mine.py").write_text(
        "from lightning.pytorch import Callback\nclass Mine(Callback):\n"
        "    def on_fit_start(self, *args): open('used', 'w').close()\n"
    )
    change(run, "callbacks.extra", {"_target_": "mine.Mine"})
    change(run, "trainer.max_steps", 8)
    assert resume(run, trust=["mine"]) is not None
    assert Path("used").exists()


@pytest.mark.parametrize("name", ["last.ckpt", "previous.ckpt", "best.ckpt"])
def test_a_checkpoint_cannot_execute_code(run: Path, name: str) -> None:
    for path in (run / "checkpoints").iterdir():
        torch.save({"state_dict": Payload()}, path)
    with pytest.raises(ValueError, match=r"last.ckpt cannot be read"):
        resume(run)
    with pytest.raises(ValueError, match=rf"{name} cannot be read"):
        train(compose([*QUICK, f"init_from={run}/checkpoints/{name}"]))
    (run / "checkpoints" / name).write_bytes(pickle.dumps(Payload()))
    with pytest.raises(ValueError, match=rf"{name} cannot be read"):
        train(compose([*QUICK, f"init_from={run}/checkpoints/{name}"]))
    assert not Path("owned").exists()


@pytest.mark.parametrize("name", options("experiment"))
def test_every_experiment_is_made_of_trusted_parts(name: str) -> None:
    from omegaconf import OmegaConf

    for extra in ("early_stopping", "animation", "live", "diagnostics"):
        cfg = compose([f"+experiment={name}", f"callbacks={extra}", "scheduler=one_cycle"])
        check_targets(OmegaConf.to_container(cfg, resolve=True), [], name)
