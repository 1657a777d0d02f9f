"""What a start leaves out comes when it is used, as it would have come at once. Each case has a process of its own."""

import subprocess
import sys

import pytest

HEAVY = (
    "scipy",
    "torchvision",
    "sympy",
    "torch._inductor",
    "torch.distributed.fsdp",
    "torch.onnx",
    "pandas",
    "sklearn",
    "triton",
)
"""What no run of the sine stream uses."""

RUN = """
import sys
import seqmodels
from seqmodels.runs.run import compose, train
import lightning.pytorch as pl
heavy = []
pl.LightningModule.on_train_batch_start = lambda self, *_: heavy.extend(name for name in {heavy} if name in sys.modules)
train(compose(["+experiment=sine_stream", "trainer=cpu", "threads=1", "trainer.max_steps=2", "test=false"]), "run")
assert not heavy, heavy
print("fit")
"""
COMPILED = """
import seqmodels
import torch
from lightning.fabric import wrappers
module = torch.nn.Linear(2, 2)
optimizer = torch.optim.Adam(module.parameters())
module(torch.ones(1, 2)).sum().backward()
optimizer.step()
assert not isinstance(module, wrappers.OptimizedModule)
compiled = torch.compile(module, backend="eager")
assert isinstance(compiled, torch._dynamo.OptimizedModule) and isinstance(compiled, wrappers.OptimizedModule)
assert compiled(torch.ones(1, 2)).shape == (1, 2)
optimizer.zero_grad()
assert torch.optim.Optimizer.zero_grad.__wrapped__.__dynamo_disable is not torch.optim.Optimizer.zero_grad.__wrapped__
print("fit")
"""
INSIDE = """
import seqmodels
import lightning.pytorch
import torch._dynamo.config
from torch._dynamo.utils import counters
import torch._dynamo
assert torch._dynamo.config.cache_size_limit > 0 and counters is torch._dynamo.utils.counters
print("fit")
"""
METRICS = """
import sys
import torch
import seqmodels
import lightning.pytorch
import torchmetrics
from torchmetrics import Metric
assert "matplotlib" not in sys.modules
import torchmetrics.functional.classification as functional
from torchmetrics import Accuracy, MetricCollection
assert torchmetrics.Metric is Metric and issubclass(torchmetrics.R2Score, Metric) and torchmetrics.MetricCollection
assert functional is torchmetrics.functional.classification and torchmetrics.utilities.data.dim_zero_cat
accuracy = Accuracy("binary")
accuracy.update(torch.tensor([1, 0]), torch.tensor([1, 1]))
figure, axes = accuracy.plot()
assert type(figure).__module__ == "matplotlib.figure"
assert torchmetrics.functional.__spec__.name == "torchmetrics.functional"
print("fit")
"""
LOAD = """
import subprocess
import sys
from seqmodels.runs.run import compose, train
train(compose(["+experiment=sine_stream", "trainer=cpu", "trainer.max_steps=1", "test=false"]), "run")
code = "import sys, seqmodels; seqmodels.load_run('run'); assert 'matplotlib' not in sys.modules; print('fit')"
subprocess.run([sys.executable, "-c", code], check=True)
"""
FLOPS = """
import sys
import seqmodels
import lightning.pytorch as pl
import torch
from torch.utils.flop_counter import FlopCounterMode
assert "triton" not in sys.modules
class Model(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer, self.example_input_array = torch.nn.Linear(3, 4), torch.ones(2, 3)
    def forward(self, x):
        return self.layer(x)
assert pl.utilities.model_summary.ModelSummary(Model()).total_flops == 48
counter = FlopCounterMode(display=False)
with counter:
    torch.ones(2, 3) @ torch.ones(3, 4)
assert counter.get_total_flops() == 48 and isinstance(counter, FlopCounterMode) and not isinstance(3, FlopCounterMode)
assert type(counter) is torch.utils.flop_counter.FlopCounterMode and torch.utils.flop_counter.flop_registry
print("fit")
"""
LATE = """
import lightning.pytorch
import torchmetrics
import torch._dynamo
before = torchmetrics.Accuracy, torch._dynamo.disable
import seqmodels
assert before == (torchmetrics.Accuracy, torch._dynamo.disable)
print("fit")
"""
UNLIKE = """
import sys, types
import seqmodels
from seqmodels.system import import_diet
def another_version(package):
    raise ImportError("no such module")
import_diet.ANSWERS["torchmetrics"] = another_version
import torchmetrics
assert type(torchmetrics) is types.ModuleType and torchmetrics.Accuracy and "scipy" in sys.modules
print("fit")
"""


def fits(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.endswith("fit\n"), done.stderr


def test_the_first_step_is_taken_without_what_it_does_not_use() -> None:
    fits(RUN.format(heavy=HEAVY))


@pytest.mark.slow
@pytest.mark.parametrize("code", [COMPILED, INSIDE, METRICS, LOAD, FLOPS, LATE, UNLIKE])
def test_what_was_left_out_comes_when_it_is_used(code: str) -> None:
    fits(code)
