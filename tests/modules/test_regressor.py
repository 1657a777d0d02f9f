"""Truncated BPTT: what is carried, what is cut, and that it equals the loop written out."""

from functools import partial
from pathlib import Path
from types import SimpleNamespace

import lightning.pytorch as pl
import pytest
import torch
from hydra.utils import instantiate
from torch import Tensor

from seqmodels.cores.base import detach
from seqmodels.cores.recurrent import LSTM
from seqmodels.datamodules.synthetic.sine import SineStream
from seqmodels.datamodules.window import Window
from seqmodels.modules.carry import Carry, StreamState
from seqmodels.modules.regressor import StreamRegressor, masked_mse
from tests.conftest import core_config, options

STREAMS = {"num_streams": 3, "window": 7, "dt": 0.3, "frequency": [0.5, 2.0], "phase": [0.0, 6.0]}


def regressor(core: str = "lstm", **arguments: object) -> StreamRegressor:
    torch.manual_seed(0)
    make = instantiate(core_config(core))
    return StreamRegressor(make, partial(torch.optim.SGD, lr=0.1), input_size=1, output_size=1, **arguments)


def fit(
    module: StreamRegressor,
    steps: int,
    data: SineStream | None = None,
    ckpt_path: Path | None = None,
    **options: object,
) -> pl.Trainer:
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    trainer = pl.Trainer(
        accelerator="cpu",
        max_steps=steps,
        **{"check_val_every_n_epoch": None, "val_check_interval": 100, **quiet, **options},
    )
    trainer.fit(module, datamodule=data or SineStream(**STREAMS), ckpt_path=ckpt_path)
    return trainer


def window(b: int = 3, t: int = 7, **changes: Tensor) -> Window:
    generator = torch.Generator().manual_seed(4)
    x, y = (torch.randn(b, t, 1, generator=generator) for _ in range(2))
    fields = {"x": x, "y": y, "reset": torch.zeros(b).bool(), "mask": torch.ones(b, t).bool()}
    return Window(**{**fields, **changes})


def train(module: StreamRegressor, w: Window) -> Tensor:
    """The predictions of one training step, without the optimiser's part."""
    module.trainer = SimpleNamespace(log_every_n_steps=0, global_rank=0, global_step=0)
    return module.training_step(w)["prediction"]


@pytest.mark.parametrize("core", options("core"))
@pytest.mark.parametrize("carry", [True, False])
def test_training_is_the_loop_written_out(core: str, carry: bool) -> None:
    """Windows, state and weights of 12 updates equal those of truncated BPTT by hand, in float64."""
    data, ours = SineStream(**STREAMS), regressor(core, carry=carry).double()
    reference = regressor(core).double()
    losses = []
    optimizer = torch.optim.SGD([p for p in reference.parameters() if p.requires_grad], lr=0.1)
    state = None
    for i in range(12):
        w = data.splits["train"].window(i)
        y, end = reference.core(w.x.double(), state)
        loss = torch.nn.functional.mse_loss(reference.head(y), w.y.double())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        state = detach(end) if carry else None
        losses.append(loss.item())
    trainer = fit(ours, 12, precision="64-true")
    assert trainer.global_step == 12
    for mine, theirs in zip(ours.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-10, rtol=1e-10)
    if carry:
        for mine, theirs in zip(ours.tbptt.carried.streams.state, state, strict=True):
            torch.testing.assert_close(mine, theirs, atol=1e-10, rtol=1e-10)
    assert ours.tbptt.carried.loss_sum.item() / ours.tbptt.carried.windows == pytest.approx(sum(losses) / 12, rel=1e-10)


@pytest.mark.parametrize("core", options("core"))
def test_one_window_over_everything_is_full_bptt(core: str) -> None:
    module, w = regressor(core).double(), window(t=40)
    w = Window(w.x.double(), w.y.double(), w.reset, w.mask)
    masked_mse(train(module, w), w).backward()
    y, _ = module.core(w.x, module.core.initial_state(3))
    parameters = [p for p in module.parameters() if p.requires_grad]
    gradients = torch.autograd.grad((module.head(y) - w.y).square().mean(), parameters)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, atol=1e-10, rtol=1e-10)


def test_the_carried_state_is_cut_off() -> None:
    module = regressor()
    train(module, window())
    assert not any(tensor.requires_grad for tensor in module.tbptt.carried.streams.state)


def test_stages_have_states_of_their_own() -> None:
    module, data = regressor(), SineStream(**STREAMS, val_windows=5)
    undisturbed = regressor()
    fit(module, 20, data, val_check_interval=4, num_sanity_val_steps=2)
    fit(undisturbed, 20, SineStream(**STREAMS, val_windows=0), limit_val_batches=0)
    for a, b in zip(module.tbptt.carried.streams.state, undisturbed.tbptt.carried.streams.state, strict=True):
        assert torch.equal(a, b)
    for a, b in zip(module.parameters(), undisturbed.parameters(), strict=True):
        assert torch.equal(a, b)
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
    first = trainer.predict(module, datamodule=data)
    trainer.test(module, datamodule=data, verbose=False)
    once = trainer.callback_metrics["test/loss"].item()
    trainer.test(module, datamodule=data, verbose=False)
    assert trainer.callback_metrics["test/loss"].item() == once
    assert all(torch.equal(a, b) for a, b in zip(first, trainer.predict(module, datamodule=data), strict=True))
    assert all(
        torch.equal(a, b)
        for a, b in zip(module.tbptt.carried.streams.state, undisturbed.tbptt.carried.streams.state, strict=True)
    )


def test_validation_measures_from_the_streams_beginning() -> None:
    data, module = SineStream(**STREAMS, val_windows=9), regressor()
    trainer = fit(module, 6, data, val_check_interval=6)
    x, y = (torch.cat([getattr(data.splits["val"].window(i), name) for i in range(9)], 1) for name in "xy")
    with torch.no_grad():
        prediction, _ = module(x)
    error = (prediction - y).square().mean().item()
    metrics = trainer.callback_metrics
    assert metrics["val/loss"].item() == pytest.approx(error, rel=1e-5)
    assert metrics["val/mae"].item() == pytest.approx((prediction - y).abs().mean().item(), rel=1e-5)
    assert metrics["val/r2"].item() == pytest.approx(1 - error / y.var(correction=0).item(), rel=1e-4)


def test_flagged_rows_start_anew_and_the_others_do_not_notice() -> None:
    flagged, plain = regressor(), regressor()
    for module in (flagged, plain):
        train(module, window())
    spoilt = tuple(t.index_fill(0, torch.tensor([1]), float("nan")) for t in flagged.tbptt.carried.streams.state)
    flagged.tbptt.carried = Carry(StreamState(spoilt))
    reset = torch.tensor([False, True, False])
    mine = train(flagged, window(reset=reset))
    theirs = train(plain, window())
    assert torch.equal(mine[~reset], theirs[~reset])
    torch.testing.assert_close(mine[1:2], plain(window().x[1:2])[0])


def test_masked_steps_do_not_count() -> None:
    mask = torch.tensor([[True, False, True], [False, False, True]])
    y = torch.tensor([[1.0, float("nan"), 3.0], [float("nan"), 9.0, 5.0]]).unsqueeze(-1)
    prediction = torch.zeros(2, 3, 1, requires_grad=True)
    loss = masked_mse(prediction, Window(y, y, torch.zeros(2).bool(), mask))
    assert loss.item() == pytest.approx((1 + 9 + 25) / 3)
    loss.backward()
    assert prediction.grad.isfinite().all()
    assert not prediction.grad[~mask].any()
    nothing = masked_mse(prediction, Window(y, y, torch.zeros(2).bool(), torch.zeros(2, 3).bool()))
    assert nothing.item() == 0


def test_another_number_of_rows_is_an_error() -> None:
    module = regressor()
    train(module, window(3))
    with pytest.raises(ValueError, match="a window of 2 streams followed windows of 3"):
        train(module, window(2))
    assert isinstance(module.core, LSTM)
