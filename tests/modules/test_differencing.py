"""Signals with a trend: a head of zeros is the naive forecast, and a level that no training saw is no matter."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from seqmodels.cores.differencing import Differencing
from seqmodels.cores.recurrent import GRU
from seqmodels.datamodules.series.statistics import change_size
from seqmodels.datamodules.window import Window
from seqmodels.modules.regressor import StreamRegressor
from tests.modules.test_regressor import train
from tests.modules.test_tbptt import TRAINER

STATS = ([10.0, 300.0], [2.0, 40.0])
TREND = {
    "input_stats": STATS,
    "target_stats": ([300.0], [40.0]),
    "target_scale": [3.0],
    "change_stats": ([0.5, 0.25], [4.0]),
    "target_inputs": [1],
}


def regressor(zero_head: bool = False, **arguments: object) -> StreamRegressor:
    """Two inputs; the target is the second one, later."""
    torch.manual_seed(0)
    optimizer = partial(torch.optim.SGD, lr=0.1)
    module = StreamRegressor(partial(GRU, hidden_size=8), optimizer, 2, 1, **{**TREND, **arguments})
    if zero_head:
        nn.init.zeros_(module.head.weight)
        nn.init.zeros_(module.head.bias)
    return module


def window(b: int = 3, t: int = 6) -> Window:
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(b, t, 2, generator=generator) * torch.tensor(STATS[1]) + torch.tensor(STATS[0])
    y = x[..., 1:] + torch.randn(b, t, 1, generator=generator)
    return Window(x, y, torch.zeros(b).bool(), torch.ones(b, t).bool())


@pytest.mark.parametrize("changes", [True, False])
def test_a_head_of_zeros_is_the_naive_forecast(changes: bool) -> None:
    module, w = regressor(zero_head=True, predict_change=True, difference_inputs=changes), window()
    naive = w.x[..., 1:]
    assert torch.equal(module(w.x)[0], naive)
    assert torch.equal(train(module, w), naive)
    assert torch.equal(module.predict_step(w, 0), naive)


def test_the_head_speaks_in_units_of_the_change() -> None:
    module, w = regressor(zero_head=True, predict_change=True), window()
    nn.init.constant_(module.head.bias, 0.5)
    torch.testing.assert_close(module(w.x)[0], w.x[..., 1:] + 0.5 * 4.0)


def test_the_loss_is_of_the_change_in_its_unit() -> None:
    module, w = regressor(predict_change=True, difference_inputs=True), window()
    prediction = train(module, w)
    expected = ((prediction - w.y) / 4.0).square().mean()
    torch.testing.assert_close(module.tbptt.carried.loss_sum, expected.detach())
    module.on_test_start()
    module.test_step(w, 0)
    measured = module.metrics["test"].compute()
    torch.testing.assert_close(measured["loss"].float(), expected.detach())
    torch.testing.assert_close(measured["mase"].float(), ((prediction - w.y) / 3.0).abs().mean().detach())


def test_a_missing_target_leaves_no_trace() -> None:
    module, w = regressor(predict_change=True, difference_inputs=True), window()
    w.y[1, 2], w.mask[1, 2] = float("nan"), False
    module.trainer = TRAINER
    loss = module.training_step(w)["loss"]
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad.isfinite().all() for p in module.parameters())


def test_a_trend_moves_predictions_along() -> None:
    """With both, the same signal on another level is forecast the same; with either alone it is not."""
    x = window().x.double()
    up = torch.tensor([0.0, 5000.0]).double()
    both = regressor(predict_change=True, difference_inputs=True).double()
    torch.testing.assert_close(both(x + up)[0], both(x)[0] + 5000)
    for alone in ("predict_change", "difference_inputs"):
        module = regressor(**{alone: True}).double()
        assert not torch.allclose(module(x + up)[0], module(x)[0] + 5000, atol=0.1, rtol=0)


def test_the_core_reads_changes_of_size_one() -> None:
    """By hand: the change of each input, over the root mean square that the data told."""
    module, w = regressor(predict_change=True, difference_inputs=True), window()
    assert isinstance(module.core, Differencing)
    changes = torch.diff(w.x, dim=1, prepend=w.x[:, :1]) / torch.tensor([0.5, 0.25])
    y, _ = module.core.core(changes)
    torch.testing.assert_close(module(w.x)[0], w.x[..., 1:] + 4.0 * module.head(y), atol=2e-2, rtol=0)


@pytest.mark.parametrize(
    ("stats", "expected"),
    [
        ({"change_stats": None}, ([2.0, 40.0], [40.0])),
        ({"change_stats": None, "input_stats": (10.0, 2.0), "target_stats": (300.0, 40.0)}, (2.0, 40.0)),
        ({"input_stats": None}, (1.0, [4.0])),
    ],
)
def test_units_where_the_data_tells_less(stats: dict[str, object], expected: tuple[object, object]) -> None:
    module = regressor(predict_change=True, difference_inputs=True, zero_head=True, **stats)
    assert (module.input_std.tolist(), module.target_std.tolist()) == expected
    x = window().x
    assert torch.equal(module(x)[0], x[..., 1:])


def test_data_that_is_not_normalised_leaves_the_head_as_it_is() -> None:
    none = dict.fromkeys(("input_stats", "target_stats", "change_stats"))
    module, w = regressor(predict_change=True, difference_inputs=True, **none), window()
    y, _ = module.core(w.x)
    torch.testing.assert_close(module(w.x)[0], w.x[..., 1:] + module.head(y))


def test_the_state_is_carried_across_windows() -> None:
    """Two windows of the training, one after the other, are one of twice the length."""
    w = window(t=12)
    first, second = (Window(w.x[:, s], w.y[:, s], w.reset, w.mask[:, s]) for s in (slice(6), slice(6, 12)))
    whole, pieces = (regressor(predict_change=True, difference_inputs=True) for _ in range(2))
    torch.testing.assert_close(torch.cat([train(pieces, first), train(pieces, second)], 1), train(whole, w))


def test_weights_bring_their_units_and_fit_no_model_of_levels() -> None:
    trained = regressor(predict_change=True, difference_inputs=True)
    other = regressor(predict_change=True, difference_inputs=True, change_stats=([9.0, 9.0], [9.0]))
    other.load_state_dict(trained.state_dict())
    assert torch.equal(other(window().x)[0], trained(window().x)[0])
    with pytest.raises(RuntimeError, match=r"core\.core"):
        regressor(predict_change=True).load_state_dict(trained.state_dict())


def test_the_size_of_changes() -> None:
    """Of pairs that are both there and in the same rows; 1 for a constant column, and where there is no pair."""
    values = np.array([[1, 5, 7], [3, 5, np.nan], [3, 5, 10], [100, 5, 10], [96, 5, 10]], np.float32)
    assert change_size(values, [(0, 3), (3, 5)], 1) == pytest.approx([((2**2 + 0 + 4**2) / 3) ** 0.5, 1, 1])
    assert change_size(values, [(0, 3), (3, 5)], 2) == pytest.approx([2, 1, 3])
    assert change_size(values, [(0, 3), (3, 5)], 3) == [1, 1, 1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"predict_change": True, "target_inputs": None},
            "predict_change=true .* the targets to datamodule.inputs",
        ),
        ({"difference_inputs": True, "nan_input": "mask"}, "nan_input='mask' .*datamodule.missing=ffill"),
        ({"difference_inputs": True, "fills_with_mean": True}, "datamodule.missing='mask' .*datamodule.missing=ffill"),
        ({"difference_inputs": True, "state_dtype": "bfloat16"}, "state_dtype='bfloat16' .* use float32 or null"),
    ],
)
def test_what_cannot_be_is_said(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        regressor(**arguments)
