"""Whole runs of every core: cut off and resumed, read back, streamed, and in all settings of a stream's training."""

from collections.abc import Collection
from functools import cache
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor

from seqmodels.config.places import conf_dir
from seqmodels.cores.base import Core
from seqmodels.datamodules.window import Window
from seqmodels.modules.parameter_groups import timescale_parameters
from seqmodels.modules.regressor import masked_mse
from seqmodels.predicting.predictor import Predictor
from seqmodels.predicting.state_file import StateFile
from seqmodels.runs.load import load_run
from seqmodels.runs.run import compose, resume, train
from tests.conftest import core_config, options
from tests.modules.test_regressor import fit, regressor
from tests.modules.test_tbptt import assert_close, sgd, step, stream
from tests.support.attempts import DIGITS, OWN, SINE, assert_same_run, callback, checkpoint

YAMLS = {name: OmegaConf.load(conf_dir() / "core" / f"{name}.yaml") for name in options("core")}
CORES = [name for name, config in YAMLS.items() if {"_target_", "layer"} & config.keys()]
"""The others are one of these with other initial weights."""

QUIET = ["callbacks=checkpoints", "logger=csv", "optimizer=adamw", "module.timescale_lr=0.25"]
STREAMS = [
    *SINE, *QUIET, "trainer.max_steps=6", "datamodule.window=40", "datamodule.random_window=3",
    "module.backprop_windows=2", "test=false",
]  # fmt: skip
IMAGES = [*DIGITS, *QUIET, "datamodule.view=pixels", "trainer.max_steps=6", "core.hidden_size=8", "test=false"]

QUICK = "lru"
"""The stack that is tried by default; the others with -m slow."""


def _tried(default: Collection[str]) -> pytest.MarkDecorator:
    cases = [pytest.param(name, marks=[] if name in default else pytest.mark.slow) for name in CORES]
    return pytest.mark.parametrize("name", cases)


every_core = _tried([QUICK, *(name for name in CORES if "layer" not in YAMLS[name])])
every_core_run = _tried([QUICK])


@cache
def small(name: str) -> Core:
    return instantiate(core_config(name))(input_size=1)


@cache
def _cut(name: str, base: Path) -> tuple[Path, Path]:
    words = [*STREAMS, f"core={name}"]
    folder = train(compose([*words, *callback("Cut", steps=[4])]), base / name, words).folder
    return folder, base / f"{name}_cut"


@pytest.fixture
def runs(name: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run on streams, and what was left of it when it was cut off in its fifth step."""
    return _cut(name, tmp_path_factory.getbasetemp() / "core_runs")


@every_core_run
def test_a_run_on_streams_is_resumed_exactly(name: str, runs: tuple[Path, Path]) -> None:
    """240 steps of each stream, in windows of different lengths, two of which every gradient goes through."""
    folder, cut = runs
    assert checkpoint(cut)["position"]["step"] == 3
    assert resume(cut, trust=OWN) is not None
    assert_same_run(cut, folder)
    end = checkpoint(folder)
    assert [tensor.dtype for tensor in end["carry"]["state"]] == [t.dtype for t in small(name).initial_state(1)]
    rates = [group["initial_lr"] for group in end["optimizer_states"][0]["param_groups"]]
    assert rates == ([0.01, 0.0025] if timescale_parameters(small(name)) else [0.01])


@pytest.mark.slow
@every_core
def test_a_run_on_images_is_resumed_exactly(name: str) -> None:
    words = [*IMAGES, f"core={name}"]
    folder = train(compose([*words, *callback("Cut", steps=[3])]), "run", words).folder
    assert resume("run_cut", trust=OWN) is not None
    assert_same_run(Path("run_cut"), folder)


@every_core_run
def test_rows_one_by_one_are_a_window_of_the_run(name: str, runs: tuple[Path, Path], tmp_path: Path) -> None:
    """And a state goes through a file without the loss of a bit."""
    run = load_run(runs[0], trust=OWN)
    x = torch.randn(150, 1, generator=torch.Generator().manual_seed(2))
    live = Predictor(run)
    first = [live.step(row) for row in x[:70].tolist()]
    saved = StateFile(tmp_path / "state", live, None)
    saved.save(70)
    rest = [live.step(row) for row in x[70:].tolist()]
    with torch.no_grad():
        window, _ = run.module(x[None])
    torch.testing.assert_close(torch.tensor(first + rest), window[0], atol=1e-5, rtol=1e-5)
    again = Predictor(run)
    StateFile(tmp_path / "state", again, None).load()
    assert [again.step(row) for row in x[70:].tolist()] == rest


@every_core
def test_mixed_precision_leaves_the_state_alone(name: str) -> None:
    """Of float32, whatever the matrix products are computed in."""
    module = regressor(name)
    fit(module, 4, precision="bf16-mixed")
    state, fresh = module.tbptt.carried.streams.state, module.core.initial_state(3)
    assert [(t.dtype, t.shape) for t in state] == [(t.dtype, t.shape) for t in fresh]
    assert torch.stack([tensor.isfinite().all() for tensor in state]).all()
    assert torch.isfinite(module.tbptt.carried.loss_sum)


@every_core
def test_a_state_is_made_where_and_in_the_precision_that_is_asked_for(name: str) -> None:
    usual = small(name).initial_state(2)
    for asked, plain in zip(small(name).initial_state(2, torch.device("meta"), torch.float64), usual, strict=True):
        assert (asked.device.type, asked.shape) == ("meta", plain.shape)
        assert asked.dtype == (torch.float64 if plain.is_floating_point() else plain.dtype)


def joined(windows: list[Window]) -> Window:
    x, y, mask = (torch.cat([getattr(w, field) for w in windows], 1) for field in ("x", "y", "mask"))
    return Window(x, y, windows[0].reset, mask)


@every_core
def test_as_many_windows_as_there_are_make_full_bptt(name: str) -> None:
    windows = [w._replace(reset=torch.zeros(len(w.x)).bool()) for w in stream(4)]
    module = regressor(name, backprop_windows=4).double()
    still = torch.optim.SGD(module.parameters(), lr=0)
    gradients = [step(module, still, w) for w in windows][-1]
    whole = joined(windows)
    y, _ = module.core(whole.x)
    last = windows[-1].x.shape[1]
    loss = masked_mse(module.head(y[:, -last:]), windows[-1])
    assert_close(gradients, list(torch.autograd.grad(loss, [p for p in module.parameters() if p.requires_grad])))


SETTINGS = {
    "learned": {"initial_state": "learned", "backprop_windows": 2},
    "bfloat16": {"state_dtype": "bfloat16", "burn_in": 7},
    "masked": {"nan_input": "mask", "burn_in": 3, "backprop_windows": 3},
}


@every_core
@pytest.mark.parametrize(
    "setting", [pytest.param(name, marks=[] if name == "masked" else pytest.mark.slow) for name in SETTINGS]
)
def test_every_weight_has_a_finite_gradient(name: str, setting: str) -> None:
    """DDP stops where one has none. Some inputs are missing, and what a row had in its state before a reset is NaN."""
    settings = SETTINGS[setting]
    if not small(name).uses_initial_state:
        settings = {key: value for key, value in settings.items() if key != "initial_state"}
    module = regressor(name, **settings)
    optimizer = sgd(module)
    taught: list[Tensor] = []
    for i, w in enumerate(stream(8, torch.float32)):
        if setting == "masked":
            w.x[i % 4, 2] = float("nan")
        if w.reset.any() and i:
            _spoil(module.tbptt.carried.streams.state, w.reset)
        gradients = step(module, optimizer, w)
        assert all(gradient.isfinite().all() for gradient in gradients)
        taught = [a + b.abs() for a, b in zip(taught or map(torch.zeros_like, gradients), gradients, strict=True)]
    assert all(gradient.any() for gradient in taught)
    expected = torch.bfloat16 if setting == "bfloat16" else torch.float32
    assert {t.dtype for t in module.tbptt.carried.streams.state if t.is_floating_point()} == {expected}


def _spoil(state: tuple[Tensor, ...], rows: Tensor) -> None:
    for tensor in state:
        if tensor.is_floating_point():
            tensor[rows] = float("nan")
