"""README's "Add things": a core, a source and an experiment of a person's own, each as new files only, train and go on.

A file format of one's own is tried in tests/tables/test_formats.py.
"""

import json
from pathlib import Path

import pytest
import torch

from seqmodels import load_run
from tests.conftest import Command

CORE = '''
"""A leaky integrator: h_t = a h_{t-1} + W x_t."""

import torch
from torch import nn

from seqmodels.cores.base import Core


class Leaky(Core):
    def __init__(self, input_size: int, hidden_size: int = 8, leak: float = 0.9) -> None:
        super().__init__()
        self.input_size, self.output_size, self.leak = input_size, hidden_size, leak
        self.weight = nn.Linear(input_size, hidden_size)

    def initial_state(self, batch_size, device=None, dtype=None):
        return (torch.zeros(batch_size, self.output_size, device=device, dtype=dtype),)

    def forward(self, x, state=None):
        (h,) = self.initial_state(len(x), x.device, x.dtype) if state is None else state
        outputs = []
        for u in self.weight(x).unbind(1):
            h = self.leak * h + u
            outputs.append(h)
        return torch.stack(outputs, 1), (h,)
'''
SOURCE = '''
"""Whether more ones than zeros were tossed."""

import torch

from seqmodels.datamodules.loaders import TensorRows
from seqmodels.datamodules.samples import SampleData


class Tosses(SampleData):
    name, task = "tosses", "classification"
    input_size, output_size = 1, 2

    def setup(self, stage=None):
        for number, split in enumerate(("train", "val", "test")):
            tosses = torch.randint(0, 2, (200, 9, 1), generator=torch.Generator().manual_seed(number)).float()
            self.splits[split] = TensorRows(tosses, (tosses.sum((1, 2)) > 4.5).long())
'''
YAMLS = {
    "core/leaky.yaml": "_target_: lab.leaky.Leaky\n_partial_: true\nhidden_size: 8\nleak: 0.9\n",
    "datamodule/tosses.yaml": "_target_: lab.tosses.Tosses\nbatch_size: 20\n",
    "experiment/count.yaml": "# @package _global_\n"
    "defaults: [override /datamodule: tosses, override /module: classifier, override /core: leaky]\n"
    "name: count\noptimizer: {lr: 0.05}\ntrainer: {max_epochs: 4}\n",
}
QUICK = ["trainer=cpu", "threads=1", "callbacks=[guards,checkpoints]", "logger=csv"]


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arguments that find a person's own package and YAMLs."""
    files = {"lab/__init__.py": "", "lab/leaky.py": CORE, "lab/tosses.py": SOURCE}
    files |= {f"mine/{name}": text for name, text in YAMLS.items()}
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    monkeypatch.syspath_prepend(str(Path.cwd()))
    return ["--config-dir", "mine"]


def test_new_files_only(lab: list[str], command: Command, invoke: Command, capfd: pytest.CaptureFixture[str]) -> None:
    assert command(*lab, "experiment=count", *QUICK, "hydra.run.dir=run") == 0
    results = json.loads(Path("run/results.json").read_text())
    assert (results["datamodule"], results["name"]) == ("tosses", "count")
    assert results["metrics"]["test/acc"] > 0.9

    assert invoke("evaluate", "run=run") == 1  # of a stranger's package nothing is imported
    assert "add trust=[lab.tosses.Tosses,lab.leaky.Leaky]" in capfd.readouterr().err
    assert invoke("evaluate", "run=run", "trust=lab.tosses.Tosses,lab.leaky.Leaky", "output=again") == 0
    assert json.loads(Path("again/results.json").read_text())["metrics"]["test/acc"] == results["metrics"]["test/acc"]

    assert command("resume=run", "trust=[lab.tosses.Tosses,lab.leaky.Leaky]", "trainer.max_epochs=6") == 0
    assert command(*lab, "experiment=count", *QUICK, "trainer.max_epochs=6", "hydra.run.dir=longer") == 0
    ours, theirs = (torch.load(f"{run}/checkpoints/last.ckpt", weights_only=True) for run in ("run", "longer"))
    assert all(torch.equal(weights, theirs["state_dict"][name]) for name, weights in ours["state_dict"].items())


def test_new_files_are_choices_like_any_others(lab: list[str], command: Command) -> None:
    small = [*QUICK, "trainer.max_steps=4", "hydra.run.dir=run"]
    assert command(*lab, "experiment=sine_stream", "core=leaky", "core.leak=0.5", *small) == 0
    core = load_run("run", trust=["lab.leaky.Leaky"]).module.core
    assert (type(core).__name__, core.leak) == ("Leaky", 0.5)
