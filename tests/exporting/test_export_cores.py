"""Every core can be exported, those of tomorrow too: states of other shapes, integers among them."""

import copy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor, nn

from seqmodels.config.places import conf_dir
from seqmodels.cores.base import Core, State
from seqmodels.cores.lru import LRU
from seqmodels.cores.recurrent import GRU, LSTM, RNN
from seqmodels.cores.stack import Stack
from seqmodels.exporting import onnx_format, torch_format
from seqmodels.exporting.capturing import CannotExport
from seqmodels.exporting.checking import Disagrees, check
from seqmodels.exporting.folding import folded
from seqmodels.exporting.graphs import Call, WindowGraph, form_of, plain
from seqmodels.exporting.run import FORMATS, write_checked
from seqmodels.exporting.trial import trials, unit_of
from seqmodels.modules.classifier import SequenceClassifier
from seqmodels.modules.regressor import StreamRegressor
from tests.conftest import core_config, options

SLOW_PAIRS = [("torch", "window"), ("onnx", "step"), ("onnx", "window")]


class Ring(Core):
    """Attention over the last few steps: two rings of them, and an integer that says where in the ring we are."""

    def __init__(self, input_size: int, slots: int = 4, width: int = 6) -> None:
        super().__init__()
        self.input_size, self.output_size, self.slots = input_size, width, slots
        self.query, self.key, self.value = (nn.Linear(input_size, width) for _ in range(3))

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        ring = torch.zeros(batch_size, self.slots, self.output_size, device=device, dtype=dtype)
        return ring, ring, torch.zeros(batch_size, device=device, dtype=torch.int64)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        keys, values, position = state or self.initial_state(len(x), x.device, x.dtype)
        slots, outputs = torch.arange(self.slots, device=x.device), []
        for t in range(x.shape[1]):
            here = (slots == (position % self.slots)[:, None])[..., None]
            keys = torch.where(here, self.key(x[:, t, None]), keys)
            values = torch.where(here, self.value(x[:, t, None]), values)
            position = position + 1
            scores = (keys @ self.query(x[:, t])[..., None])[..., 0]
            scores = scores.masked_fill(slots >= position[:, None], float("-inf"))
            outputs.append((scores.softmax(-1)[:, None] @ values)[:, 0])
        return torch.stack(outputs, 1), (keys, values, position)


class Undecided(Ring):
    """Decides in Python by what it reads, which no graph can."""

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        return super().forward(x if x.sum() > 0 else 2 * x, state)


def regressor(core: Any, **settings: Any) -> StreamRegressor:
    torch.manual_seed(1)
    stats = {"input_stats": ([1.0, 2.0, -3.0], [1.0, 5.0, 0.1]), "target_stats": ([10.0, 0.0], [2.0, 1.0])}
    return plain(StreamRegressor(core, torch.optim.SGD, 3, 2, **stats, **settings))


YAMLS = {name: OmegaConf.load(conf_dir() / "core" / f"{name}.yaml") for name in options("core")}
OF_THEIR_OWN = {name for name, config in YAMLS.items() if {"_target_", "layer"} & config.keys()}
"""The others are one of these with other initial weights, of which a graph knows nothing."""

OF_A_RUN = "lstm"
"""Whose every file the tests of whole runs look at."""


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", sorted(OF_THEIR_OWN - {OF_A_RUN}))
def test_every_core_in_both_forms(name: str, format: str, tmp_path: Path) -> None:
    core = instantiate(core_config(name), num_layers=2)
    differences = {"predict_change": True, "difference_inputs": True, "target_inputs": [2, 0]}
    start = "learned" if core(input_size=3).uses_initial_state else "zeros"
    module = regressor(core, initial_state=start, **differences)
    for form in ("step", "window"):
        _, difference = write_checked(form, module, FORMATS[format], tmp_path / form)
        assert difference < 1e-5


@pytest.mark.slow
def test_another_nonlinearity(tmp_path: Path) -> None:
    module = regressor(partial(RNN, hidden_size=4, nonlinearity="relu"))
    write_checked("step", module, FORMATS["torch"], tmp_path / "step")


@pytest.mark.parametrize(
    ("format", "form"),
    [("torch", "step"), *(pytest.param(*pair, marks=pytest.mark.slow) for pair in SLOW_PAIRS)],
)
def test_rings_and_integers_in_the_state(format: str, form: str, tmp_path: Path) -> None:
    write_checked(form, regressor(Ring), FORMATS[format], tmp_path / form)
    x, state = torch.randn(2, 3) if form == "step" else torch.randn(2, 9, 3), regressor(Ring).core.initial_state(2)
    *_, position = FORMATS[format].read(tmp_path / form)(x, *state)
    assert position.dtype == torch.int64
    assert position.tolist() == ([1, 1] if form == "step" else [9, 9])


@pytest.mark.parametrize("format", FORMATS)
def test_what_no_format_can_express(format: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CannotExport, match=r"^torch.export cannot capture it: .*data-dependent"):
        write_checked("step", regressor(Undecided), FORMATS[format], tmp_path / "step")
    assert capfd.readouterr() == ("", "")


def test_a_mean_over_steps_has_no_step(tmp_path: Path) -> None:
    module = plain(SequenceClassifier(partial(RNN, hidden_size=4), torch.optim.SGD, 3, 2, readout="mean"))
    with pytest.raises(CannotExport, match="readout=mean averages"):
        write_checked("step", module, torch_format, tmp_path / "step.pt2")
    assert not list(tmp_path.iterdir())


def test_a_fixed_time_is_noticed(tmp_path: Path) -> None:
    """torch's ONNX exporter unrolls an RNN without a word, for the T of the example alone."""
    with pytest.raises(CannotExport, match="fixes the length of x's axis 1"):
        onnx_format.write(form_of("window", regressor(partial(RNN, hidden_size=4))), tmp_path / "window.onnx", "")


def test_another_model_or_state_is_noticed() -> None:
    mine, other = (regressor(partial(core, hidden_size=4)) for core in (GRU, partial(GRU, init="orthogonal")))
    tried = trials("window", mine)
    unit = unit_of(mine, tried)

    def forgetful(x: Tensor, state: Tensor) -> tuple[Tensor, ...]:
        y, end = WindowGraph(mine)(x, state)
        return y, end if x.shape[1] < 600 else state

    def short(x: Tensor, state: Tensor) -> tuple[Tensor, ...]:
        y, end = WindowGraph(mine)(x, state)
        return y[:, :2], end

    def doubled(x: Tensor, state: Tensor) -> tuple[Tensor, ...]:
        y, end = WindowGraph(mine)(x, state[..., :4])
        return y, torch.cat([end, end], -1)

    wrong: dict[str, Call] = {
        "differs from the run itself": WindowGraph(other),
        "state_0 after 1000 steps is not that of": forgetful,
        "the output after 8 steps is 1x2x2, and 1x7x2 in the run itself": short,
        "state_0 after 1000 steps is .*x8, and .*x4 in the run itself": doubled,
    }
    with torch.no_grad():
        assert check(WindowGraph(mine), tried, unit, 1e-5) == 0
        for complaint, call in wrong.items():
            with pytest.raises(Disagrees, match=complaint):
                check(call, tried, unit, 1e-5)


def test_as_far_off_as_rounding_takes_the_run_itself() -> None:
    """Two units that are nearly the same, and what they differ by, a thousand times: so are roundings."""
    module = regressor(partial(GRU, hidden_size=2))
    for weight in module.core.rnn.parameters():
        units = weight.view(3, 2, -1)  # of each gate
        units[:, 1] = units[:, 0] + 1e-4
    module.head.weight.copy_(torch.tensor([[1000.0, -1000.0]]))
    tried, unit = trials("window", module), module.target_std
    exact = WindowGraph(copy.deepcopy(module).double())

    def rounded_once(bias: float) -> Call:
        def call(*inputs: Tensor) -> tuple[Tensor, ...]:
            y, *state = exact(*(tensor.double() for tensor in inputs))
            return (y + bias * unit).float(), *(tensor.float() for tensor in state)

        return call

    with torch.no_grad():
        assert 2e-5 < check(rounded_once(0), tried, unit, 1e-5) < 1e-3
        with pytest.raises(Disagrees, match=r"Rounding alone takes the run .*e-0[45] from what 64 bits give"):
            check(rounded_once(2e-3), tried, unit, 1e-5)


def test_a_missing_input_is_read_as_the_mean(tmp_path: Path) -> None:
    module = regressor(partial(LSTM, hidden_size=4))
    torch_format.write(form_of("step", module, torch.tensor([1.0, 2.0, -3.0])), tmp_path / "step.pt2", "")
    state = module.core.initial_state(1)
    x = torch.tensor([[float("nan"), 3.0, float("inf")]])
    y, *_ = torch_format.read(tmp_path / "step.pt2")(x, *state)
    with torch.no_grad():
        expected, _ = module(torch.tensor([[[1.0, 3.0, -3.0]]]), state)
    torch.testing.assert_close(y, expected[:, 0])


@pytest.mark.slow
def test_weights_too_large_for_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_format, "ONE_FILE", 1000)
    module = regressor(partial(RNN, hidden_size=64))
    (tmp_path / "first").mkdir()
    onnx_format.write(form_of("step", module), tmp_path / "first" / "step.onnx", "")
    moved = (tmp_path / "first").rename(tmp_path / "second")
    assert sorted(path.name for path in moved.iterdir()) == ["step.onnx", "step.onnx.data"]
    session = onnxruntime.InferenceSession(moved / "step.onnx")
    y, _ = session.run(None, {"x": np.zeros((1, 3), np.float32), "state_0": np.zeros((1, 1, 64), np.float32)})
    with torch.no_grad():
        np.testing.assert_allclose(y, module(torch.zeros(1, 1, 3))[0][:, 0], rtol=1e-6)


@pytest.mark.slow
def test_what_hangs_on_weights_alone_is_computed_before(tmp_path: Path) -> None:
    """Else another library computes the decays, whose last digit is another: 1e-5 after a thousand steps."""
    module = regressor(partial(Stack, layer=partial(LRU, min_radius=0.998), hidden_size=8))
    form = folded(form_of("step", module))
    assert {"exp", "cos", "sin"}.isdisjoint(
        node.target._schema.name.partition("::")[2] for node in form.graph.program.graph.nodes if callable(node.target)
    )
    onnx_format.write(form, tmp_path / "step.onnx", "")
    assert check(onnx_format.read(tmp_path / "step.onnx"), trials("step", module), torch.ones(()), 1e-5) < 2e-6


@pytest.mark.parametrize(
    "size", [pytest.param(1, marks=pytest.mark.slow), pytest.param(30, marks=pytest.mark.slow), 1000]
)
def test_a_classifier_is_measured_in_the_size_of_its_logits(size: float, tmp_path: Path) -> None:
    """What float32 makes of a logit of 1,000 is off by 1e-4, in any file."""
    torch.manual_seed(0)
    module = plain(SequenceClassifier(partial(GRU, hidden_size=32), torch.optim.SGD, 1, 4).eval())
    with torch.no_grad():
        module.head.weight *= size
    write_checked("window", module, onnx_format, tmp_path / "window.onnx")
    tried = trials("window", module)
    call, unit = onnx_format.read(tmp_path / "window.onnx"), unit_of(module, tried)
    assert unit.item() == pytest.approx(max(1.0, max(float(y.abs().max()) for one in tried for y in one.outputs)))

    def wrong(*inputs: Tensor) -> tuple[Tensor, ...]:
        logits, *state = call(*inputs)
        return logits * (1 + 1e-4), *state

    with pytest.raises(Disagrees):
        check(wrong, tried, unit, 1e-5)
