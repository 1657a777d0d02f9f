"""The contract of data sources: its own example trains, a stranger's class works or is told what it lacks."""

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from seqmodels import load_run
from seqmodels.datamodules import base
from seqmodels.datamodules.base import SequenceData
from seqmodels.datamodules.checks import check_class, check_source
from seqmodels.datamodules.synthetic.adding import AddingProblem
from seqmodels.datamodules.synthetic.sine import SineStream
from seqmodels.runs.run import compose, resume, train
from tests.conftest import ROOT, Command

FEW = ["trainer=cpu", "threads=1", "callbacks=checkpoints", "core.hidden_size=4"]


@pytest.fixture(autouse=True)
def _path(_away_from_home: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Modules in this folder can be imported, and are forgotten again."""
    monkeypatch.syspath_prepend(str(Path.cwd()))
    known = set(sys.modules)
    yield
    for name in set(sys.modules) - known:
        if name in ("coins", "strangers"):
            del sys.modules[name]


def write_coins() -> None:
    """The example of the module's docstring, as files."""
    blocks = re.findall(r"(?:^    .*\n|^\n)+", base.__doc__ or "", re.M)
    (code,) = (block for block in blocks if "class Coins" in block)
    (config,) = (block for block in blocks if "_target_:" in block)
    Path("coins.py").write_text(re.sub(r"^    ", "", code, flags=re.M))
    Path("mine/datamodule").mkdir(parents=True)
    text = re.sub(r"^    ", "", config, flags=re.M).replace("seqmodels.datamodules.coins", "coins")
    Path("mine/datamodule/coins.yaml").write_text(text)


def test_the_example_of_the_docstring_trains_and_can_be_resumed(command: Command, invoke: Command) -> None:
    write_coins()
    words = ["--config-dir", "mine", "datamodule=coins", *FEW, "hydra.run.dir=run", "trainer.max_epochs=3"]
    assert command(*words, "core=rnn", "optimizer.lr=0.01") == 0
    found = load_run("run", trust=["coins.Coins"])
    assert found.datamodule.class_names == ["0", "1"]
    assert command("resume=run", "trainer.max_epochs=4", "trust=[coins.Coins]") == 0
    assert invoke("evaluate", "run=run", "output=again", "trust=[coins.Coins]") == 0
    assert json.loads(Path("again/results.json").read_text())["metrics"]["test/acc"] > 0.6


@pytest.mark.parametrize("source", [SineStream(dt=0.1), AddingProblem(train_size=20, val_size=4, test_size=4)])
def test_a_trainer_that_would_share_the_rows_again_is_refused(source: SequenceData) -> None:
    """Lightning's default; of a stream it would leave out every other window, without a word."""
    for again in (True, False):
        source.trainer = pl.Trainer(
            accelerator="cpu", devices=2, strategy="ddp", use_distributed_sampler=again, logger=False,
            enable_checkpointing=False,
        )  # fmt: skip
        source.setup("fit")
        if again:
            with pytest.raises(ValueError, match=r"^trainer.use_distributed_sampler is true, .*_sampler=False$"):
                source.train_dataloader()
        else:
            assert source.rank() == (0, 2)


class Plain(pl.LightningDataModule):
    """A stranger's data, which knows nothing of us but the four things that only it can say."""

    name, task = "plain", "classification"

    def setup(self, stage: str | None = None) -> None:
        self.input_size, self.output_size = 3, 2
        x = torch.randn(40, 6, 3, generator=torch.Generator().manual_seed(0))
        self.data = TensorDataset(x, (x.sum((1, 2)) > 0).long())

    def train_dataloader(self) -> Any:
        return DataLoader(self.data, batch_size=8)

    val_dataloader = test_dataloader = train_dataloader


def config(name: str, *words: str) -> Any:
    cfg = compose(["datamodule=digits", *FEW, *words])
    cfg.datamodule = {"_target_": f"tests.datamodules.test_base.{name}"}
    return cfg


def test_a_strangers_data_needs_no_more_than_it_must_say() -> None:
    result = train(config("Plain", "callbacks=default", "trainer.max_epochs=2"))
    assert result.metrics["test/acc"] >= 0
    assert {path.stem for path in (result.folder / "figures").iterdir()} == {"samples", "mistakes", "confusion"}
    with pytest.raises(ValueError, match=r"Plain cannot go on in the middle of its data; give it a method start_from"):
        resume(result.folder, ["trainer.max_epochs=3"], trust=["tests.datamodules.test_base.Plain"])
    with pytest.raises(ValueError, match=r"^Plain.input_size is missing"):  # nothing is read there
        load_run(result.folder, trust=["tests.datamodules.test_base.Plain"])


class Regressed(Plain):
    """One that knows statistics, in the way in which modules are told."""

    task = "regression"
    target_stats = ([0.0], [2.0])


def test_what_a_stranger_says_is_not_overwritten() -> None:
    source = Regressed()
    source.setup()
    check_source(source)
    told = source.told_to_module()  # type: ignore[attr-defined]
    assert (told["target_stats"], told["input_stats"], told["input_size"]) == (([0.0], [2.0]), None, 3)
    assert source.target_names == ["0", "1"]  # type: ignore[attr-defined]
    assert source.input_names == ["0", "1", "2"]  # type: ignore[attr-defined]
    assert source.class_names == []  # type: ignore[attr-defined]
    assert source.summary() == "plain: 3 numbers a step"  # type: ignore[attr-defined]
    assert not source.endless  # type: ignore[attr-defined]


class Nameless(Plain):
    name = None  # type: ignore[assignment]


class Tasked(Plain):
    task = "translation"


class Sized(Plain):
    def setup(self, stage: str | None = None) -> None:
        super().setup(stage)
        self.output_size = 0


class Unfinished(SequenceData):
    name, task = "unfinished", "classification"


class Nothing:
    pass


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "Nameless",
            r"^Nameless.name is missing; expected a text, .*: set it in the class or in its setup, or derive",
        ),
        ("Tasked", r"^Tasked.task is 'translation'; expected one of classification, labelling, regression: "),
        (
            "Sized",
            r"^Sized.output_size is 0; expected the number of classes or targets, above 0: set it .*",
        ),
        ("Unfinished", r"^Unfinished lacks train_dataloader; add what seqmodels.datamodules.base describes$"),
        ("Nothing", r"^Nothing is no source of data, which is a LightningDataModule; derive it from .*SequenceData"),
    ],
)
def test_what_is_missing_is_named_before_training(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train(config(name))
    assert not list(Path("outputs").rglob("*.ckpt"))


def test_a_factory_may_make_the_source() -> None:
    check_class(lambda seed: Plain())


def test_all_that_is_read_of_a_source_is_in_the_contract() -> None:
    """Whoever reads something new of `datamodule` says it there."""
    hooks = {"prepare_data", "setup", "load_state_dict", "state_dict", "on_after_batch_transfer"}
    known = {*vars(SequenceData), *SequenceData.__annotations__, *hooks}
    for path in (ROOT / "src" / "seqmodels").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            owner = ast.unparse(node.value) if isinstance(node, ast.Attribute) else ""
            if owner.endswith("datamodule") and "cfg" not in owner:
                assert node.attr in known, f"{path}:{node.lineno} reads datamodule.{node.attr}"
