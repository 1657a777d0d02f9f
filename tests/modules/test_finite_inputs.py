"""Streams that end, inputs that are no numbers, and the dtype of the state."""

import pytest
import torch

from seqmodels.datamodules.synthetic.sine import SineStream
from seqmodels.datamodules.window import Window
from seqmodels.modules.carry import StreamState
from seqmodels.modules.finite_inputs import NOTED, FiniteInputs
from seqmodels.modules.regressor import StreamRegressor
from tests.modules.test_regressor import STREAMS, fit, regressor, train
from tests.modules.test_tbptt import sgd, step, stream

CORES = ["rnn", "lstm", "gru"]


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize(("m", "burn_in"), [(1, 0), (3, 0), (3, 4)])
def test_a_state_that_is_nan_ends_with_its_stream(core: str, m: int, burn_in: int) -> None:
    """Row 1 is NaN, and what the history holds of it; it starts anew in window 3. Other rows keep their bits."""
    spoilt, sound = (regressor(core, backprop_windows=m, burn_in=burn_in) for _ in range(2))
    windows = stream(5, torch.float32)
    for module in (spoilt, sound):
        for w in windows[:3]:
            train(module, w)
    nan = torch.tensor([False, True, False, False])

    def spoil(streams: StreamState) -> StreamState:
        if streams.state is None:
            return streams
        return StreamState(tuple(t.masked_fill(nan.view(-1, 1, 1), torch.nan) for t in streams.state), streams.age)

    carried = spoilt.tbptt.carried
    history = tuple(past._replace(before=spoil(past.before)) for past in carried.history)
    spoilt.tbptt.carried = carried._replace(streams=spoil(carried.streams), history=history)
    optimizers = [sgd(module) for module in (spoilt, sound)]
    for w in windows[3:]:
        gradients = [step(*pair, w) for pair in zip((spoilt, sound), optimizers, strict=True)]
        for mine, theirs in zip(*gradients, strict=True):
            assert torch.equal(mine, theirs)
    for mine, theirs in zip(spoilt.tbptt.carried.streams.state, sound.tbptt.carried.streams.state, strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("log_every", [1, 4])
def test_an_input_that_is_no_number_is_an_error_that_names_it(value: float, log_every: int) -> None:
    """At the next logging step; outside training at once."""

    module, data = regressor(), SineStream(**STREAMS)
    sound = data.splits["train"].window

    def spoilt(i: int) -> Window:
        window = sound(i)
        if i == 1:
            window.x[1, 4:] = window.x[2, 0] = value
        return window

    data.splits["train"].window = spoilt
    message = (
        r"^nan_input='error': the input is NaN or infinite at row 1 step 4 of window 1, row 1 step 5 of window 1, "
        r"row 1 step 6 of window 1, row 2 step 0 of window 1; clean the data, or use nan_input=mask"
    )
    with pytest.raises(ValueError, match=message):
        fit(module, 20, data, log_every_n_steps=log_every, limit_val_batches=0)
    assert module.tbptt.carried.windows == max(log_every, 2) - 1
    with pytest.raises(ValueError, match=r"row 1 step 4 of window 9"):
        module.predict_step(data.splits["train"].window(1), 9)


def test_what_is_noted_is_looked_at_together_and_never_grows_large() -> None:
    """Rows are counted over processes."""
    inputs, good = FiniteInputs(), torch.zeros(2, 3, 1)
    bad = good.clone()
    bad[0, 1] = torch.nan
    for window, x in ((4, good), (5, bad), (6, bad)):
        inputs.note(x, window, look=False, rank=3)
    with pytest.raises(ValueError, match="at row 6 step 1 of window 5, row 6 step 1 of window 6; clean"):
        inputs.look(rank=3)
    inputs.look(rank=3)
    large = torch.full((2, NOTED // 2 + 1, 1), torch.nan)
    with pytest.raises(ValueError, match=r"at row 0 step 0 of window 7, .* more; clean"):
        inputs.note(large, 7, look=False, rank=0)


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("m", [1, 2])
def test_masked_inputs_are_the_mean_and_do_not_count(core: str, m: int) -> None:
    """Equal to a window that holds the mean there, with the step taken out of the mask; all stays finite."""
    masking, plain = (
        regressor(core, nan_input=nan_input, backprop_windows=m, input_stats=(0.7, 2.0))
        for nan_input in ("mask", "error")
    )
    optimizers = [sgd(module) for module in (masking, plain)]
    for w in stream(4, torch.float32):
        bad = torch.rand(w.mask.shape, generator=torch.Generator().manual_seed(1)) < 0.3
        holed = w._replace(x=w.x.masked_fill(bad[..., None], torch.nan))
        filled = Window(w.x.masked_fill(bad[..., None], 0.7), w.y, w.reset, ~bad)
        assert not masking.normalized(filled.x)[bad].any()
        ours, theirs = step(masking, optimizers[0], holed), step(plain, optimizers[1], filled)
        for mine, other in zip(ours, theirs, strict=True):
            assert mine.isfinite().all()
            assert torch.equal(mine, other)
    assert all(tensor.isfinite().all() for tensor in masking.tbptt.carried.streams.state)


@pytest.mark.parametrize("precision", ["bf16-mixed", "32-true"])
@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize(
    ("state_dtype", "dtype"), [(None, "float32"), ("float32", "float32"), ("bfloat16", "bfloat16")]
)
def test_the_state_keeps_its_dtype(core: str, precision: str, state_dtype: str | None, dtype: str) -> None:
    module = regressor(core, state_dtype=state_dtype, backprop_windows=2)
    fit(module, 4, precision=precision)
    assert {tensor.dtype for tensor in module.tbptt.carried.streams.state} == {getattr(torch, dtype)}
    assert torch.isfinite(module.tbptt.carried.loss_sum)
    assert module.tbptt.carried.loss_sum.dtype == torch.float32


def test_integers_in_a_state_stay_integers() -> None:
    module: StreamRegressor = regressor(state_dtype="float64")
    streams = module.tbptt._detached(StreamState((torch.zeros(2, 3), torch.ones(2, dtype=torch.int64))))
    assert [tensor.dtype for tensor in streams.state] == [torch.float64, torch.int64]


def test_sixteen_bits_on_a_cpu_are_lightnings_to_refuse() -> None:
    """It warns and goes on with bfloat16; the carried state is not touched by that."""
    module = regressor()
    with pytest.warns(UserWarning, match="fp16 is not supported on CPU"):
        fit(module, 2, precision="16-mixed")
    assert {tensor.dtype for tensor in module.tbptt.carried.streams.state} == {torch.float32}
