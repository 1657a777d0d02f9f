"""Gradients that go back through several windows, and burn-in: each equals a loop written out step by step."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from seqmodels.cores.base import State, detach
from seqmodels.datamodules.synthetic.sine import SineStream
from seqmodels.datamodules.window import Window
from seqmodels.modules.carry import Carry
from seqmodels.modules.regressor import StreamRegressor, masked_mse
from tests.modules.test_regressor import STREAMS, fit, regressor, train

CORES = ["rnn", "lstm_orthogonal", "gru"]
B, T = 4, 5
TRAINER = SimpleNamespace(log_every_n_steps=0, global_rank=0, global_step=0, state=SimpleNamespace(fn=None))


def stream(windows: int, dtype: torch.dtype = torch.float64, length: int = T) -> list[Window]:
    """Windows of noise of different lengths; rows start anew in some of them, neighbouring ones too."""
    generator = torch.Generator().manual_seed(7)
    resets = {0: [0, 1, 2, 3], 3: [1], 4: [1, 2], 6: [3]}
    made = []
    for i in range(windows):
        steps = length + i % 2
        x, y = (torch.randn(B, steps, 1, dtype=dtype, generator=generator) for _ in range(2))
        reset = torch.zeros(B).bool().index_fill(0, torch.tensor(resets.get(i, []), dtype=torch.long), True)
        made.append(Window(x, y, reset, torch.ones(B, steps).bool()))
    return made


def with_steps(windows: list[Window], dt: bool) -> list[Window]:
    """Rows start anew inside windows too, and with `dt` no step takes as long as another."""
    generator = torch.Generator().manual_seed(8)
    made = []
    for w in windows:
        step_reset = torch.rand(w.mask.shape, generator=generator) < 0.15
        step_reset[:, 0] = False
        made.append(w._replace(step_reset=step_reset))
        if dt:
            made[-1] = made[-1]._replace(dt=torch.rand(w.mask.shape, dtype=w.x.dtype, generator=generator) * 3)
    return made


def step(module: StreamRegressor, optimizer: torch.optim.Optimizer, w: Window) -> list[Tensor]:
    """One update; its gradients."""
    module.zero_grad()
    module.trainer = TRAINER
    module.training_step(w)["loss"].backward()
    gradients = [p.grad.clone() for p in module.parameters() if p.requires_grad]
    optimizer.step()
    return gradients


def sgd(module: StreamRegressor) -> torch.optim.Optimizer:
    return torch.optim.SGD([p for p in module.parameters() if p.requires_grad], lr=0.1)


def row(state: State | None, b: int) -> State | None:
    return None if state is None else tuple(tensor[b : b + 1] for tensor in state)


def by_hand(module: StreamRegressor, windows: list[Window], m: int, burn_in: int) -> list[list[Tensor]]:
    """The gradients of every update: each row by itself, step by step, from the place before the oldest window."""
    optimizer, before = sgd(module), [[(None, 0)] * B]
    gradients = []
    for newest in range(len(windows)):
        oldest, errors, places = max(0, newest + 1 - m), [], []
        for b in range(B):
            state, age = before[oldest][b]
            for w in windows[oldest : newest + 1]:
                if w.reset[b]:
                    state, age = None, 0
                for t in range(w.x.shape[1]):
                    if w.step_reset.numel() and w.step_reset[b, t]:
                        state, age = None, 0
                    dt = w.dt[b : b + 1, t : t + 1] if w.dt.numel() else None
                    y, state = module.core(w.x[b : b + 1, t : t + 1], state, None, dt)
                    age += 1
                    if age <= burn_in:
                        state = detach(state)
                    elif w is windows[newest]:
                        errors.append((module.head(y) - w.y[b, t]).square().sum())
            places.append((detach(state), age))
        before.append(places)
        optimizer.zero_grad()
        loss = torch.stack(errors).mean() if errors else 0 * sum(p.sum() for p in module.parameters())
        loss.backward()
        gradients.append([torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in optimizer_of(optimizer)])
        optimizer.step()
    return gradients


def optimizer_of(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return optimizer.param_groups[0]["params"]


def assert_close(a: list[Tensor], b: list[Tensor]) -> None:
    for left, right in zip(a, b, strict=True):
        torch.testing.assert_close(left, right, atol=1e-10, rtol=1e-10)


@pytest.fixture
def _double() -> Iterator[None]:
    """What the trainer's precision=64-true sets."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("_double")
@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("m", [1, 2, 3])
@pytest.mark.parametrize("burn_in", [0, 3, 8])
def test_gradients_are_those_of_the_loop_written_out(core: str, m: int, burn_in: int) -> None:
    """Rows begin at different windows; a burn-in of 8 steps ends in the middle of a later window."""
    windows = stream(9)
    module = regressor(core, backprop_windows=m, burn_in=burn_in).double()
    optimizer = sgd(module)
    ours = [step(module, optimizer, w) for w in windows]
    theirs = by_hand(regressor(core).double(), windows, m, burn_in)
    for mine, reference in zip(ours, theirs, strict=True):
        assert_close(mine, reference)
    assert len(module.tbptt.carried.history) == m - 1


@pytest.mark.usefixtures("_double")
@pytest.mark.parametrize("core", ["gru", "lru"])
@pytest.mark.parametrize(("m", "burn_in"), [(1, 0), (3, 3)])
def test_streams_that_begin_inside_a_window(core: str, m: int, burn_in: int) -> None:
    windows = with_steps(stream(6), dt=core == "lru")
    module = regressor(core, backprop_windows=m, burn_in=burn_in).double()
    optimizer = sgd(module)
    ours = [step(module, optimizer, w) for w in windows]
    for mine, reference in zip(ours, by_hand(regressor(core).double(), windows, m, burn_in), strict=True):
        assert_close(mine, reference)


@pytest.mark.parametrize("core", CORES)
def test_further_back_is_another_gradient(core: str) -> None:
    gradients = []
    for m in (1, 2):
        module = regressor(core, backprop_windows=m).double()
        optimizer = sgd(module)
        gradients.append([step(module, optimizer, w) for w in stream(2)])
    assert_close(gradients[0][0], gradients[1][0])
    assert any(not torch.allclose(a, b) for a, b in zip(gradients[0][1], gradients[1][1], strict=True))


@pytest.mark.parametrize("core", CORES)
def test_one_window_is_plain_truncation_bit_by_bit(core: str) -> None:
    ours, plain = regressor(core), regressor(core)
    optimizer, state = sgd(plain), None
    our_optimizer = sgd(ours)
    for w in stream(8, torch.float32):
        gradients = step(ours, our_optimizer, w)
        state = None if state is None else plain.core.reset_rows(state, w.reset)
        y, end = plain.core(w.x, state)
        state = detach(end)
        optimizer.zero_grad()
        masked_mse(plain.head(y), w).backward()
        for mine, theirs in zip(gradients, optimizer_of(optimizer), strict=True):
            assert torch.equal(mine, theirs.grad)
        optimizer.step()


@pytest.mark.parametrize(("m", "burn_in"), [(1, 0), (3, 4)])
def test_accumulation_and_clipping_are_the_loop_written_out(m: int, burn_in: int) -> None:
    """Two windows an update, the gradient of their mean loss clipped; the state goes on from window to window."""
    arguments = {"backprop_windows": m, "burn_in": burn_in}
    data, ours, plain = SineStream(**STREAMS), regressor(**arguments).double(), regressor(**arguments).double()
    fit(ours, 5, data, precision="64-true", accumulate_grad_batches=2, gradient_clip_val=0.05)
    optimizer, clipped = sgd(plain), []
    plain.trainer = TRAINER
    for i in range(10):
        w = data.splits["train"].window(i)
        (plain.training_step(Window(w.x.double(), w.y.double(), w.reset, w.mask))["loss"] / 2).backward()
        if i % 2:
            clipped.append(torch.nn.utils.clip_grad_norm_(plain.parameters(), 0.05) > 0.05)
            optimizer.step()
            optimizer.zero_grad()
    assert any(clipped)
    assert_close(list(ours.parameters()), list(plain.parameters()))
    assert ours.tbptt.carried.windows == 10


@pytest.mark.parametrize("burn_in", [3, 8, 100])
def test_burn_in_changes_neither_state_nor_predictions(burn_in: int) -> None:
    burning, plain = regressor(burn_in=burn_in).double(), regressor().double()
    for w in stream(9):
        torch.testing.assert_close(train(burning, w), train(plain, w), atol=1e-10, rtol=1e-10)
        assert_close(list(burning.tbptt.carried.streams.state), list(plain.tbptt.carried.streams.state))


def test_a_window_of_burn_in_alone_has_a_gradient_of_zero_for_every_weight() -> None:
    """None instead of zero would stop DDP, and let the optimiser's momentum behave otherwise."""
    module = regressor(burn_in=100)
    gradients = step(module, sgd(module), stream(1, torch.float32)[0])
    assert all(not gradient.any() for gradient in gradients)


def test_without_carry_every_window_burns_in() -> None:
    module, (w, *_) = regressor(carry=False, burn_in=2), stream(1, torch.float32)
    for _ in range(2):
        gradients = step(module, torch.optim.SGD(module.parameters(), lr=0), w)
    hidden, _ = module.core(w.x)
    _, state = module.core(w.x[:, :2])
    y, _ = module.core(w.x[:, 2:], detach(state))
    torch.testing.assert_close(hidden[:, 2:], y)
    module.zero_grad()
    (module.head(y) - w.y[:, 2:]).square().mean().backward()
    for mine, parameter in zip(gradients, module.parameters(), strict=True):
        torch.testing.assert_close(mine, parameter.grad)
    assert module.tbptt.carried.streams.state is None


def test_metrics_leave_burn_in_out() -> None:
    data, module = SineStream(**STREAMS, val_windows=4), regressor(burn_in=10)
    metrics = fit(module, 3, data, val_check_interval=3).callback_metrics
    x, y = (torch.cat([getattr(data.splits["val"].window(i), name) for i in range(4)], 1) for name in "xy")
    with torch.no_grad():
        error = (module(x)[0] - y)[:, 10:]
    assert metrics["val/loss"].item() == pytest.approx(error.square().mean().item(), rel=1e-5)
    with pytest.raises(
        ValueError, match=r"^burn_in and the mask .* leave 0 steps to measure val/r2, .* datamodule.val_windows"
    ):
        fit(regressor(burn_in=28), 3, data, val_check_interval=3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"backprop_windows": 0}, "^backprop_windows=0 is too small"),
        ({"backprop_windows": 2, "carry": False}, "^backprop_windows=2 needs carry=true"),
        ({"burn_in": -1}, "^burn_in=-1 is too small; give an integer of at least 0"),
        ({"burn_in": 2, "initial_state": "learned"}, "^burn_in=2 lets no gradient reach an initial state"),
        ({"initial_state": "x"}, "^initial_state=x is not known; choose zeros or learned"),
        ({"nan_input": "x"}, "^nan_input=x is not known; choose error or mask"),
        ({"state_dtype": "float16"}, "^state_dtype=float16 is not known; choose float32, float64, bfloat16 or null"),
    ],
)
def test_wrong_arguments_are_named(wrong: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        regressor(**wrong)


def test_lbfgs_is_refused() -> None:
    module = regressor()
    module._make_optimizer = torch.optim.LBFGS
    with pytest.raises(ValueError, match=r"^optimizer=LBFGS calls the training step many times"):
        fit(module, 1)
    assert module.tbptt.carried == Carry()
