"""The diagnostics: right numbers, and no trace in the training."""

from functools import partial
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
from torch import Tensor, nn

from seqmodels.callbacks.diagnostics import StreamDiagnostics, reach, state_norms
from seqmodels.cores.base import Core, State
from seqmodels.cores.recurrent import LSTM
from seqmodels.datamodules.synthetic.sine import SineStream
from seqmodels.modules.regressor import StreamRegressor
from tests.modules.test_regressor import STREAMS, fit, regressor
from tests.modules.test_tbptt import sgd, step, stream


class Noisy(Core):
    """Dropout between layers, and a running mean: whatever a second look could disturb."""

    def __init__(self, input_size: int) -> None:
        super().__init__()
        self.lstm = LSTM(input_size, 8, num_layers=2, dropout=0.3)
        self.norm = nn.BatchNorm1d(8)
        self.input_size, self.output_size = input_size, 8

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return self.lstm.initial_state(batch_size, device, dtype)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        y, state = self.lstm(x, state)
        return self.norm(y.transpose(1, 2)).transpose(1, 2), state


@pytest.mark.parametrize("arguments", [{}, {"backprop_windows": 3, "burn_in": 9}], ids=str)
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_the_training_is_the_same_bit_by_bit(arguments: dict, precision: str, tmp_path: Path) -> None:
    ends = []
    for callbacks in ([], [StreamDiagnostics()]):
        torch.manual_seed(0)
        adam = partial(torch.optim.Adam, lr=0.01)
        module = StreamRegressor(Noisy, adam, input_size=1, output_size=1, **arguments)
        metrics = fit(
            module,
            12,
            SineStream(**STREAMS, val_windows=4),
            callbacks=callbacks,
            log_every_n_steps=2,
            precision=precision,
            val_check_interval=6,
            default_root_dir=tmp_path,
        ).callback_metrics
        ends.append((module.state_dict(), metrics["val/loss"], torch.rand(3)))
    for name, tensor in ends[0][0].items():
        assert torch.equal(tensor, ends[1][0][name]), name
    assert ends[0][1] == ends[1][1]
    assert torch.equal(ends[0][2], ends[1][2])


@pytest.mark.parametrize("m", [1, 3])
def test_gradient_by_lag_is_that_of_the_signal_read_at_once(m: int) -> None:
    module, windows = regressor(backprop_windows=m).double(), stream(3)
    optimizer = torch.optim.SGD(module.parameters(), lr=0)
    for w in windows[:2]:
        step(module, optimizer, w)
    norms = module.gradient_by_lag(windows[2])
    x = torch.cat([w.x for w in windows], 1).requires_grad_()
    error = (module(x)[0][:, -1] - windows[2].y[:, -1]).square().sum()
    (gradient,) = torch.autograd.grad(error, x)
    expected = gradient.norm(dim=-1).mean(0).flip(0)[: len(norms)]
    assert len(norms) == sum(w.x.shape[1] for w in windows[3 - m :])
    torch.testing.assert_close(norms, expected, atol=1e-10, rtol=1e-10)
    assert norms.all()


def test_rows_that_do_not_count_do_not_count_here() -> None:
    module, (w, *_) = regressor(), stream(1, torch.float32)
    part = w._replace(mask=torch.tensor([True, True, False, False])[:, None] & w.mask)
    half = module.gradient_by_lag(type(w)(*(tensor[:2] for tensor in w)))
    torch.testing.assert_close(module.gradient_by_lag(part), half)
    step(module, sgd(module), w)
    assert not module.gradient_by_lag(w._replace(mask=w.mask & False)).any()


def test_scalars_and_a_figure(tmp_path: Path) -> None:
    looks = StreamDiagnostics(every=2)
    trainer = fit(regressor(), 9, callbacks=[looks], log_every_n_steps=2, default_root_dir=tmp_path)
    assert [look.step for look in looks._snapshots] == [4, 8]
    assert [look.resets for look in looks._snapshots] == [3, 0]
    metrics = trainer.callback_metrics
    assert metrics["diagnostics/state_norm"].item() == pytest.approx(looks._snapshots[-1].norms.mean().item())
    assert 0 < metrics["diagnostics/gradient_reach"].item() <= 6
    assert metrics["diagnostics/resets"].item() == 0
    assert (tmp_path / "figures" / "diagnostics.png").stat().st_size > 10_000


def test_norms_and_reach() -> None:
    state = (torch.full((2, 1, 3), 2.0), torch.ones(2, 4), torch.ones(2, dtype=torch.int64))
    assert state_norms(state).tolist() == [4.0, 4.0]
    assert state_norms(None) is None
    assert reach(torch.tensor([1.0, 5.0, 0.06, 0.04, 0.0])) == 2
    assert reach(torch.zeros(3)) == 0


def test_it_ignores_modules_without_streams(tmp_path: Path) -> None:
    looks = StreamDiagnostics()
    looks.on_train_batch_start(pl.Trainer(accelerator="cpu", logger=False), nn.Linear(1, 1), None, 0)
    assert not looks._snapshots
    with pytest.raises(ValueError, match=r"^every=0 is too small"):
        StreamDiagnostics(every=0)
